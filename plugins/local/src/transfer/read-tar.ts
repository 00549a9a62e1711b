import { createHash } from "node:crypto";
import { spool, type SpoolOptions } from "@citadel/core/registry";
import { Parser } from "tar/parse";
import { paths } from "@citadel/core/transfer";
import { indexSchema } from "./format.ts";
import { invalid, type Part } from "./part.ts";

/** bytes of a JSON file in the archive */
const largest = 64 * 2 ** 20;

interface Entry {
  readonly path: string;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** The parts of a tar export. Nothing is ever written to the paths in it. */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  options: SpoolOptions,
): AsyncGenerator<Part, void, void> {
  const hash = createHash("sha256");
  const count = { packages: 0, versions: 0, bytes: 0 };
  const rest: { head?: object; secrets?: unknown; cache?: unknown } = {};
  let version: { folder: string; manifest: unknown; readme?: string } | undefined;
  let ended = false;

  for await (const entry of entriesOf(source)) {
    const { path, size } = entry;
    if (ended) throw invalid(`${path}: nothing may come after ${paths.index}`);
    const before = path === paths.index ? hash.copy().digest("base64") : "";
    hash.update(`${path}\n${size}\n`);
    const content = hashed(entry.content, hash);
    if (!rest.head) {
      if (path !== paths.head) throw invalid("this is not an export of citadel");
      rest.head = await jsonIn(path, size, content);
      yield { kind: "format", version: (rest.head as { version?: unknown }).version };
      continue;
    }
    const [, name = "", number, file] = place.exec(path) ?? [];
    const folder = `${name}/${number}`;
    if (version && (version.folder !== folder || file === "manifest.json"))
      throw invalid(`${path} comes where the tarball of ${version.folder} is missing`);
    if (number !== undefined && file === "manifest.json")
      version = { folder, manifest: await jsonIn(path, size, content) };
    else if (version && file === "README.md" && version.readme === undefined)
      version.readme = await textIn(path, size, content);
    else if (version && file === "package.tgz") {
      const { manifest, readme } = version;
      yield {
        kind: "version",
        where: path.slice(0, path.lastIndexOf("/")),
        manifest,
        readme,
        tarball: await spool(content, options),
      };
      count.versions++;
      count.bytes += size;
      version = undefined;
    } else if (name !== "" && number === undefined && file === "package.json") {
      yield { kind: "package", where: path, document: await jsonIn(path, size, content) };
      count.packages++;
    } else if (path === paths.secrets) rest.secrets = await jsonIn(path, size, content);
    else if (path === paths.cache) rest.cache = await jsonIn(path, size, content);
    else if (path === paths.index) {
      const found = indexSchema.safeParse(await jsonIn(path, size, content)).data;
      const whole =
        found?.sha256 === before &&
        found.packages === count.packages &&
        found.versions === count.versions &&
        found.bytes === count.bytes;
      if (!whole) throw invalid(`${path} does not fit: something was cut off, changed or moved`);
      ended = true;
    } else throw invalid(`${path} has no place in an export`);
  }
  if (!ended) throw invalid(`it is cut off: ${paths.index} is missing`);
  const { head, secrets, cache } = rest;
  yield { kind: "end", head: { ...head, secrets, cache } };
}

/** `packages/@scope/name/1.0.0/manifest.json`, `packages/name/package.json` */
const place =
  /^packages\/((?:@[^/]+\/)?[^@/][^/]*)\/(?:([^/]+)\/)?(package\.json|manifest\.json|README\.md|package\.tgz)$/;

/** The files of an archive one by one, each to be read before the next is asked for. */
async function* entriesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Entry, void, void> {
  const events = eventsOf(source);
  for (let next = await events.next(); !next.done; next = await events.next()) {
    const begun = next.value;
    if (!("path" in begun)) continue; // what of an entry was not read
    const { path, size } = begun;
    async function* content(): AsyncGenerator<Uint8Array, void, void> {
      for (;;) {
        const { done, value } = await events.next();
        if (done || "path" in value) throw invalid(`it is cut off within ${path}`);
        if ("end" in value) return;
        yield value.chunk;
      }
    }
    yield { path, size, content: content() };
  }
}

type Event =
  | { readonly path: string; readonly size: number }
  | { readonly chunk: Uint8Array }
  | { readonly end: true };

async function* eventsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Event, void, void> {
  const parser = new Parser({ gzip: false, brotli: false, zstd: false });
  const events: Event[] = [];
  let failure: Error | undefined;
  const refuse = (message: string): void => void (failure ??= invalid(message));
  parser.on("entry", (entry) => {
    const { path, size, type } = entry;
    if (type !== "File" && type !== "OldFile") refuse(`${path} is no file (${type})`);
    events.push({ path, size });
    entry.on("data", (chunk: Buffer) => events.push({ chunk }));
    entry.on("end", () => events.push({ end: true }));
  });
  parser.on("ignoredEntry", ({ path }) => refuse(`${path} has no place in an export`));
  parser.on("warn", (code, message) => {
    if (code !== "TAR_ENTRY_INFO") refuse(`it is damaged or cut off: ${String(message)}`);
  });
  parser.on("error", (error: unknown) => refuse(`it is damaged: ${(error as Error).message}`));

  for await (const chunk of source) {
    parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    yield* events.splice(0);
    if (failure) throw failure;
  }
  parser.end();
  yield* events.splice(0);
  if (failure) throw failure;
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: { update(chunk: Uint8Array): unknown },
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

async function textIn(
  path: string,
  size: number,
  content: AsyncIterable<Uint8Array>,
): Promise<string> {
  if (size > largest) throw invalid(`${path} has ${size} bytes, more than ${largest}`);
  return Buffer.concat(await Array.fromAsync(content)).toString();
}

async function jsonIn(...entry: Parameters<typeof textIn>): Promise<object> {
  try {
    return JSON.parse(await textIn(...entry)) as object;
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(`${entry[0]} is not JSON`, error);
    throw error;
  }
}
