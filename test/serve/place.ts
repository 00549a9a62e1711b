import { join } from "node:path";
import { loadSettings } from "@citadel/core/config";
import { openCitadel, type Citadel } from "@citadel/core/open";
import { createApp, type App, type Asked } from "@citadel/plugin-serve";

import { root } from "../support/citadel.ts";
import { pack, publishDocument, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

export const host = "localhost:4873";
export const base = `http://${host}/`;

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** anything but text and bytes is sent as JSON */
  readonly body?: unknown;
  readonly token?: string | undefined;
  /** address of the peer */
  readonly from?: string;
}

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly text: string;
  json(): any;
}

/** A server without a port, over a store of its own. */
export interface Place extends AsyncDisposable {
  readonly citadel: Citadel;
  readonly app: App;
  readonly folder: string;
  /** sends a request; the path goes out as it is written */
  ask(path: string, sent?: Sent): Promise<Got>;
  signIn(name: string): Promise<string>;
  publish(token: string, manifest: Manifest, tarball?: Buffer, tag?: string): Promise<Got>;
}

/** one for all, as servers of one store need it */
const serverKey = Buffer.alloc(32, 9).toString("base64");

export async function place(
  settings: Readonly<Record<string, unknown>> = {},
  scheme: "memory" | "sqlite" = "memory",
): Promise<Place> {
  const temp = await tempFolder("serve");
  const dirs = {
    data: join(temp.path, "data"),
    cache: join(temp.path, "cache"),
    config: join(temp.path, "config"),
  };
  const store = scheme === "memory" ? { store: "memory:" } : {};
  const citadel = await openCitadel({
    settings: loadSettings({ env: {}, cwd: temp.path, dirs, flags: { ...store, ...settings } })
      .settings,
    schemes: new Map(
      ["memory", "sqlite", "file"].map((name) => [
        name,
        join(root, "drivers", name, "dist/index.js"),
      ]),
    ),
    dirs,
    serverKey,
  });
  const app = createApp({ citadel });

  const ask: Place["ask"] = async (
    path,
    { method = "GET", headers = {}, body, token, from } = {},
  ) => {
    const raw = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    const content = (raw ? body : JSON.stringify(body)) as
      | string
      | Uint8Array<ArrayBuffer>
      | undefined;
    const request = new Request(new URL(path.startsWith("/") ? path : "/", base), {
      method,
      headers: {
        host,
        ...(content === undefined ? {} : { "content-length": String(Buffer.byteLength(content)) }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(content === undefined ? {} : { body: content }),
    });
    const response = await app.fetch(request, { address: from ?? "127.0.0.1", path });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      json: () => JSON.parse(text),
    };
  };

  return {
    citadel,
    app,
    folder: temp.path,
    ask,
    async signIn(name) {
      const got = await ask(`/-/user/org.couchdb.user:${name}`, {
        method: "PUT",
        body: { name, password: "correct horse 1", email: `${name}@example.invalid` },
      });
      if (got.status !== 201) throw new Error(got.text);
      return got.json().token as string;
    },
    publish: (token, manifest, tarball = pack(manifest), tag = "latest") =>
      ask(`/${manifest.name.replace("/", "%2f")}`, {
        method: "PUT",
        token,
        body: publishDocument(base, manifest, tarball, tag),
      }),
    async [Symbol.asyncDispose]() {
      await citadel.close();
      await temp.remove();
    },
  };
}

/** A request for the install path. */
export function asked(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Asked {
  const fields: Readonly<Record<string, string>> = { host, ...headers };
  return { method, path, peer: "127.0.0.1", header: (name) => fields[name] };
}
