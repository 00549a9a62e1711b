import { CitadelError } from "@citadel/core";
import { baseName, type VersionRecord } from "@citadel/core/registry";
import { isShared, readAs, type Shared } from "../context.ts";
import { notModified, rangeOf } from "../http/conditional.ts";
import type { Answer, Asked } from "../http/exchange.ts";
import { contentHeaders, httpDate } from "../http/headers.ts";

/** Bytes up to which a tarball is read and checked as a whole before the first byte goes out. */
const inOnePiece = 4 * 2 ** 20;

/** `GET /<name>/-/<file>`: the bytes as published, from memory where they are hot, else as a stream that checks itself. */
export function createTarball(
  shared: Shared,
): (asked: Asked, name: string, file: string) => Promise<Answer> {
  const { registry, store, staleness, downloads } = shared.citadel;
  const ready = new WeakMap<VersionRecord, readonly string[]>();
  const headersFor = (record: VersionRecord, open: boolean): readonly string[] => {
    if (!open) return headersOf(record, false);
    let headers = ready.get(record);
    if (!headers) ready.set(record, (headers = headersOf(record, true)));
    return headers;
  };

  return async (asked, name, file) => {
    const version = versionOf(name, file);
    let open = true;
    const recordOf = async (hot: boolean) => {
      const { state } = await readAs(shared, asked, (caller) => {
        open = isShared(caller);
        return registry.document(name, caller, { hot });
      });
      return version === undefined ? undefined : state.versions.get(version);
    };
    // what is not in a document that may be an old one is looked for in the newest
    const record = (await recordOf(true)) ?? (staleness > 0 ? await recordOf(false) : undefined);
    if (!record)
      throw new CitadelError(
        "E_VERSION_NOT_FOUND",
        `${name} has no file ${JSON.stringify(file.slice(0, 300))}`,
      );
    const headers = headersFor(record, open);
    if (notModified(asked, record.integrity, [], record.time) !== undefined)
      return { status: 304, headers: headers.slice(2), body: null };
    const range = asked.header("range");
    if (range !== undefined) return part(asked, record, headers, range);
    if (asked.method === "HEAD") return { status: 200, headers, body: null };
    const body = await content(record);
    downloads.note(name, version ?? "");
    return { status: 200, headers, body };
  };

  async function content(record: VersionRecord): Promise<Answer["body"]> {
    const { integrity, size } = record;
    const hot = store.blobs.cached(integrity);
    if (hot) return hot;
    if (size <= inOnePiece) return store.blobs.bytes(record);
    return (await store.blobs.open(record)) ?? gone(integrity);
  }

  async function part(
    asked: Asked,
    record: VersionRecord,
    headers: readonly string[],
    field: string,
  ): Promise<Answer> {
    const { integrity, size } = record;
    const condition = asked.header("if-range");
    const range =
      condition === undefined || condition === `"${integrity}"` ? rangeOf(field, size) : undefined;
    const head = asked.method === "HEAD";
    if (range === undefined)
      return { status: 200, headers, body: head ? null : await content(record) };
    if (range === "none")
      return {
        status: 416,
        headers: ["content-range", `bytes */${size}`, "content-length", "0", ...headers.slice(2)],
        body: null,
      };
    const { start, end } = range;
    const partial = [
      ...["content-length", String(end - start)],
      ...headers.slice(2),
      ...["content-range", `bytes ${start}-${end - 1}/${size}`],
    ];
    const body = head
      ? null
      : ((await store.blobs.open(record, { start, end })) ?? gone(integrity));
    return { status: 206, headers: partial, body };
  }
}

/** The version in `p-1.0.0.tgz`; publishers also write the scope in front. Undefined for any other file. */
export function versionOf(name: string, file: string): string | undefined {
  const base = baseName(name);
  const plain = file.startsWith(`${name}-`) ? file.slice(name.length - base.length) : file;
  if (!plain.startsWith(`${base}-`) || !plain.endsWith(".tgz")) return undefined;
  return plain.slice(base.length + 1, -".tgz".length);
}

function headersOf({ integrity, size, time }: VersionRecord, open: boolean): readonly string[] {
  return [
    ...["content-length", String(size)],
    ...["content-type", "application/octet-stream"],
    ...["etag", `"${integrity}"`],
    ...["last-modified", httpDate(time)],
    ...["cache-control", `${open ? "public" : "private"}, max-age=31536000, immutable`],
    ...(open ? [] : ["vary", "authorization"]),
    ...["accept-ranges", "bytes"],
    ...contentHeaders,
  ];
}

function gone(integrity: string): never {
  throw new CitadelError("E_INTEGRITY", `the tarball ${integrity} is missing in the store`);
}
