import { createHash } from "node:crypto";
import type { Agent } from "node:http";
import { gzipSync } from "node:zlib";

import { Header } from "tar";

import { request, type Answer } from "./http.ts";

export interface TarEntry {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly type?: "File" | "SymbolicLink" | "Link" | "Directory" | "CharacterDevice";
  readonly linkpath?: string;
}

/** A tar archive of exactly these entries, hostile ones included: nothing is checked or normalised. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ path, content = "", type = "File", linkpath }) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    new Header({
      path,
      type,
      size: body.length,
      mode: 0o644,
      mtime: new Date(499162500000),
      ...(linkpath === undefined ? {} : { linkpath }),
    }).encode(header);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [field: string]: unknown;
}

/** What `npm pack` would make: package.json and the files, below `package/`. */
export function pack(
  manifest: Manifest,
  files: Readonly<Record<string, string | Uint8Array>> = {},
  level = 6,
): Buffer {
  const entries = Object.entries({
    "package.json": JSON.stringify(manifest, undefined, 2),
    "index.js": `module.exports = ${JSON.stringify(`${manifest.name}@${manifest.version}`)};\n`,
    ...files,
  }).map(([path, content]) => ({ path: `package/${path}`, content }));
  return gzipSync(tarOf(entries), { level });
}

export const sha512 = (bytes: Uint8Array): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
export const sha1 = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex");

/** The body of `npm publish`, protocol section 5.1. */
export interface PublishDocument {
  _id: string;
  name: string;
  access: string | null;
  "dist-tags": Record<string, string>;
  versions: Record<string, Record<string, unknown>>;
  _attachments: Record<string, { content_type: string; data: string; length: number }>;
  [field: string]: unknown;
}

export function publishDocument(
  url: string,
  manifest: Manifest,
  tarball: Buffer,
  tag = "latest",
): PublishDocument {
  const { name, version } = manifest;
  const file = `${name}-${version}.tgz`;
  return {
    _id: name,
    name,
    ...(typeof manifest["description"] === "string"
      ? { description: manifest["description"] }
      : {}),
    "dist-tags": { [tag]: version },
    versions: {
      [version]: {
        ...manifest,
        _id: `${name}@${version}`,
        dist: {
          integrity: sha512(tarball),
          shasum: sha1(tarball),
          tarball: `${url}/${name}/-/${file}`,
        },
      },
    },
    access: null,
    _attachments: {
      [file]: {
        content_type: "application/octet-stream",
        data: tarball.toString("base64"),
        length: tarball.length,
      },
    },
  };
}

/** A package name as npm writes it into a URL: `@s%2fp`. */
export const inUrl = (name: string): string => name.replace("/", "%2f");

/** `PUT /P` of a document as it stands. */
export function put(
  url: string,
  token: string | undefined,
  document: PublishDocument,
  agent?: Agent,
): Promise<Answer> {
  return request(`${url}/${inUrl(document.name)}`, {
    method: "PUT",
    token,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(document),
    ...(agent ? { agent } : {}),
  });
}

/** Publishes as npm would and insists that it worked. */
export async function publish(
  url: string,
  token: string,
  manifest: Manifest,
  tarball: Buffer = pack(manifest),
  tag = "latest",
): Promise<Buffer> {
  const answer = await put(url, token, publishDocument(url, manifest, tarball, tag));
  if (answer.status !== 200 && answer.status !== 201)
    throw new Error(`PUT ${manifest.name}@${manifest.version}: ${answer.status} ${answer.text()}`);
  return tarball;
}

/** Signs a user up (or in) by the couch endpoint, as `npm adduser` does. */
export async function signIn(
  url: string,
  name: string,
  password = "correct horse 1",
): Promise<string> {
  const answer = await request(`${url}/-/user/org.couchdb.user:${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      _id: `org.couchdb.user:${name}`,
      name,
      password,
      email: `${name}@example.invalid`,
      type: "user",
      roles: [],
      date: new Date().toISOString(),
    }),
  });
  const { token } = answer.json() as { token?: unknown };
  if (answer.status !== 201 || typeof token !== "string")
    throw new Error(`sign in as ${name}: ${answer.status} ${answer.text()}`);
  return token;
}

export interface Packument {
  readonly name: string;
  readonly _rev?: string;
  readonly "dist-tags": Readonly<Record<string, string>>;
  readonly versions: Readonly<
    Record<
      string,
      {
        readonly dist: {
          readonly integrity: string;
          readonly tarball: string;
          readonly shasum: string;
        };
        readonly deprecated?: string;
        readonly [field: string]: unknown;
      }
    >
  >;
  readonly [field: string]: unknown;
}

const short = "application/vnd.npm.install-v1+json";

/** The packument, full or short; undefined when the registry says 404. */
export async function packument(
  url: string,
  name: string,
  options: { readonly form?: "full" | "short"; readonly token?: string } = {},
): Promise<Packument | undefined> {
  const answer = await request(`${url}/${inUrl(name)}`, {
    token: options.token,
    headers: { accept: options.form === "short" ? short : "application/json" },
  });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new Error(`GET ${name}: ${answer.status} ${answer.text()}`);
  return answer.json() as Packument;
}

/** The bytes behind `dist.tarball`, fetched from `url` whatever host the document names. */
export async function tarballOf(
  url: string,
  document: Packument,
  version: string,
  token?: string,
): Promise<Buffer> {
  const address = document.versions[version]?.dist.tarball;
  if (address === undefined) throw new Error(`${document.name} has no version ${version}`);
  const answer = await request(url + new URL(address).pathname, { token });
  if (answer.status !== 200) throw new Error(`GET ${address}: ${answer.status} ${answer.text()}`);
  return answer.body;
}
