import { CitadelError } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import type { Records } from "@citadel/core/counts";
import { alert } from "@citadel/core/log";
import { versionOf, type VersionRecord } from "@citadel/core/registry";
import type { Upstream } from "@citadel/core/upstream";
import { callerOf, isShared, nobody, readAs, type Shared } from "../context.ts";
import { notModified, rangeOf, type Range } from "../http/conditional.ts";
import type { Answer, Asked } from "../http/exchange.ts";
import { contentHeaders, httpDate } from "../http/headers.ts";
import { orElsewhere } from "./elsewhere.ts";

/** Bytes up to which a tarball is read and checked as a whole before the first byte goes out. */
const inOnePiece = 4 * 2 ** 20;

/** A tarball that can be sent. */
interface Found {
  readonly version: string;
  readonly integrity: string;
  /** bytes */
  readonly size: number;
  /** ms since 1970; undefined where only the hash tells one from another */
  readonly time?: number;
  readonly source: "local" | "cache" | "upstream";
  readonly headers: readonly string[];
  body(range?: Range): Promise<Answer["body"]>;
}

/** `GET /<name>/-/<file>`: the bytes as published, from memory where they are hot, else as a stream that checks itself. */
export function createTarball(
  shared: Shared,
): (asked: Asked, name: string, file: string) => Promise<Answer> {
  const { citadel } = shared;
  const { registry, store, staleness, downloads } = citadel;
  const recorded = citadel.settings.downloads.records;
  let records: Promise<Records | undefined> | undefined;
  const ready = new WeakMap<VersionRecord, readonly string[]>();
  const headersFor = (record: VersionRecord, open: boolean): readonly string[] => {
    if (!open) return headersOf(record, false);
    let headers = ready.get(record);
    if (!headers) ready.set(record, (headers = headersOf(record, true)));
    return headers;
  };

  async function here(name: string, file: string, caller: Caller): Promise<Found> {
    const version = versionOf(name, file);
    const recordOf = async (hot: boolean) => {
      const { state } = await registry.document(name, caller, { hot });
      return version === undefined ? undefined : state.versions.get(version);
    };
    // what is not in a document that may be an old one is looked for in the newest
    const record = (await recordOf(true)) ?? (staleness > 0 ? await recordOf(false) : undefined);
    if (!record)
      throw new CitadelError(
        "E_VERSION_NOT_FOUND",
        `${name} has no file ${JSON.stringify(file.slice(0, 300))}`,
      );
    const { integrity, size, time } = record;
    return {
      ...{ version: version ?? "", integrity, size, time, source: "local" },
      headers: headersFor(record, isShared(caller)),
      body: (range) => content(record, range),
    };
  }

  /** Nobody waits for it. */
  function record(asked: Asked, name: string, version: string): void {
    const address = shared.guard.client(asked);
    const agent = asked.header("user-agent") ?? "";
    records ??= citadel.records().catch((error: unknown) => {
      alert("downloads", `single downloads are not recorded: ${String(error)}`);
      return undefined;
    });
    void records.then((opened) => opened?.note(name, version, address, agent));
  }

  async function content(record: VersionRecord, range?: Range): Promise<Answer["body"]> {
    const { integrity, size } = record;
    if (range) return (await store.blobs.open(record, range)) ?? gone(integrity);
    const hot = store.blobs.cached(integrity);
    if (hot) return hot;
    if (size <= inOnePiece) return store.blobs.bytes(record);
    return (await store.blobs.open(record)) ?? gone(integrity);
  }

  async function there(
    from: Upstream,
    asked: Asked,
    name: string,
    file: string,
    open: boolean,
  ): Promise<Found> {
    // who it is for is noted; a token that died does not stop an install of public packages
    const address = shared.guard.client(asked);
    const unknown: Caller = { ...nobody, ...(address === undefined ? {} : { address }) };
    const caller = await callerOf(shared, asked).catch(() => unknown);
    const { body, ...found } = await from.tarball(name, file, caller);
    return { ...found, headers: headersOf(found, open), body };
  }

  return async (asked, name, file) => {
    const { upstream } = citadel;
    const found = await readAs(shared, asked, (caller) =>
      orElsewhere(
        here(name, file, caller),
        upstream && (() => there(upstream, asked, name, file, isShared(caller))),
      ),
    );
    const { headers, integrity } = found;
    if (notModified(asked, integrity, [], found.time ?? Number.POSITIVE_INFINITY) !== undefined)
      return { status: 304, headers: headers.slice(2), body: null };
    const range = asked.header("range");
    if (range !== undefined) return part(asked, found, range);
    if (asked.method === "HEAD") return { status: 200, headers, body: null };
    const body = await found.body();
    downloads.note(name, found.version);
    if (recorded) record(asked, name, found.version);
    shared.monitor.meter.downloaded(found.source);
    return { status: 200, headers, body };
  };
}

async function part(asked: Asked, found: Found, field: string): Promise<Answer> {
  const { integrity, size, headers } = found;
  const condition = asked.header("if-range");
  const range =
    condition === undefined || condition === `"${integrity}"` ? rangeOf(field, size) : undefined;
  const head = asked.method === "HEAD";
  if (range === undefined) return { status: 200, headers, body: head ? null : await found.body() };
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
  return { status: 206, headers: partial, body: head ? null : await found.body(range) };
}

function headersOf(
  { integrity, size, time }: Pick<Found, "integrity" | "size" | "time">,
  open: boolean,
): readonly string[] {
  return [
    ...["content-length", String(size)],
    ...["content-type", "application/octet-stream"],
    ...["etag", `"${integrity}"`],
    ...(time === undefined ? [] : ["last-modified", httpDate(time)]),
    ...["cache-control", `${open ? "public" : "private"}, max-age=31536000, immutable`],
    ...(open ? [] : ["vary", "authorization"]),
    ...["accept-ranges", "bytes"],
    ...contentHeaders,
  ];
}

function gone(integrity: string): never {
  throw new CitadelError("E_INTEGRITY", `the tarball ${integrity} is missing in the store`);
}
