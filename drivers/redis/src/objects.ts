import { randomBytes } from "node:crypto";
import {
  prefixEnd,
  StoreError,
  type Condition,
  type Content,
  type Entry,
  type ETag,
  type Found,
  type Key,
  type ListEntry,
  type PutOptions,
} from "@citadel/core/driver";
import type { Link } from "./link.ts";
import { change, expire, list, spill } from "./scripts.ts";
import type { CallOptions } from "./session.ts";

/** Bytes of one chunk, and the most that is kept inside an object. */
export const CHUNK = 1024 * 1024;
/** ms that chunks which no object names live after the last of them came */
const UPLOAD = 60 * 60 * 1000;

/** Where things are: all keys of a store are in one slot of a cluster. */
export const places = (name: string) => {
  const slot = `{citadel:${name}}`;
  return {
    object: (key: Key) => `${slot}:o:${key}`,
    objects: `${slot}:o:`,
    blob: (blob: string) => `${slot}:c:${blob}`,
    blobs: `${slot}:c:`,
    index: `${slot}:index`,
    expiries: `${slot}:expiries`,
    feed: `${slot}:feed`,
    store: `${slot}:store`,
  };
};

type Extras = Pick<PutOptions, "expires" | "meta">;

/** The commands of a store as functions. All throw what a call throws, and changes CONFLICT. */
export interface Objects {
  head(key: Key, options: CallOptions): Promise<Entry | undefined>;
  find(key: Key, options: CallOptions): Promise<Found | undefined>;
  /** undefined: freed meanwhile */
  chunk(blob: string, n: number, options: CallOptions): Promise<Buffer | undefined>;
  /** of the next `limit` keys those that are there, and the last of them when there may be more */
  list(
    range: { prefix: string; after: string; limit: number },
    options: CallOptions,
  ): Promise<{ entries: ListEntry[]; last: Key | undefined }>;
  /** throws CONFLICT; UNAVAILABLE when the chunks of a blob are not all there any more */
  put(key: Key, content: Content, extras: Condition & Extras, options: CallOptions): Promise<Entry>;
  delete(key: Key, condition: Condition, options: CallOptions): Promise<void>;
  /** a name that no blob has */
  newBlob(): string;
  spill(blob: string, n: number, data: Buffer, options: CallOptions): Promise<void>;
  /** gives up a blob that no object names */
  abandon(blob: string): Promise<void>;
  /** takes some expired keys out of the index; how many, and whether there may be more */
  expire(options: CallOptions): Promise<{ removed: number; more: boolean }>;
}

const ENTRY = ["e", "s", "m", "x", "t"] as const;
const EXPIRE = 500;

export function objects(link: Link, name: string): Objects {
  const at = places(name);
  const salt = randomBytes(9).toString("base64url");
  let counter = 0;
  const unique = (): string => `${salt}${(counter++).toString(36)}`;

  const changing = async (
    key: Key,
    { ifMatch, ifAbsent }: Condition,
    rest: readonly (string | Buffer)[],
    options: CallOptions,
  ): Promise<number> => {
    const condition = ifMatch === undefined ? (ifAbsent ? "-" : "") : `=${ifMatch}`;
    const answer = (await link.script(
      change,
      [at.object(key), at.index, at.expiries, at.feed, at.store],
      [key, condition, at.blobs, salt, ...rest],
      { ...options, key, changes: true },
    )) as readonly [Buffer, Buffer?];
    const [outcome, value] = answer.map(String);
    if (outcome === "conflict") throw conflict(key, value || undefined);
    if (outcome === "gone") throw gone(key);
    return Number(value);
  };

  return {
    async head(key, options) {
      const found = await link.call(["HMGET", at.object(key), ...ENTRY], { ...options, key });
      return entryOf(key, found as Fields);
    },
    async find(key, options) {
      const found = await link.call(["HMGET", at.object(key), ...ENTRY, "c", "b"], {
        ...options,
        key,
      });
      const entry = entryOf(key, found as Fields);
      const [blob, body] = (found as Fields).slice(ENTRY.length);
      return entry && { ...entry, body: body ?? undefined, blob: String(blob ?? "") };
    },
    async chunk(blob, n, options) {
      const data = await link.call(["HGET", at.blob(blob), String(n)], options);
      return (data as Buffer | null) ?? undefined;
    },
    async list({ prefix, after, limit }, options) {
      const end = prefixEnd(prefix);
      const min =
        after >= prefix && after !== "" ? `(${after}` : prefix === "" ? "-" : `[${prefix}`;
      const [rows, last] = (await link.script(
        list,
        [at.index, at.expiries],
        [min, end === undefined ? "+" : `(${end}`, String(limit), at.objects],
        options,
      )) as [[Buffer, ...Fields][], Buffer];
      return {
        entries: rows.map(([key, ...fields]) => entryOf(key.toString(), fields) as ListEntry),
        last: last.length > 0 ? last.toString() : undefined,
      };
    },

    async put(key, content, { expires, meta, ...condition }, options) {
      const etag = unique();
      const size = "body" in content ? content.body.byteLength : content.size;
      const rest =
        "body" in content ? [content.body] : [content.blob, String(Math.ceil(size / CHUNK))];
      const modified = await changing(
        key,
        condition,
        [
          "body" in content ? "put" : "adopt",
          etag,
          String(size),
          expires === undefined ? "" : String(expires),
          meta ? JSON.stringify(meta) : "",
          ...rest,
        ],
        options,
      );
      return {
        key,
        etag,
        size,
        modified,
        ...(expires !== undefined && { expires }),
        ...(meta && { meta: { ...meta } }),
      };
    },
    async delete(key, condition, options) {
      await changing(key, condition, ["delete"], options);
    },

    newBlob: unique,
    async spill(blob, n, data, options) {
      // nothing of it is visible: whatever happens to it, nothing was written
      await link.script(spill, [at.blob(blob)], [String(n), data, String(UPLOAD)], options);
    },
    async abandon(blob) {
      await link.call(["UNLINK", at.blob(blob)]);
    },
    async expire(options) {
      const removed = Number(
        await link.script(expire, [at.index, at.expiries], [at.objects, String(EXPIRE)], options),
      );
      return { removed, more: removed === EXPIRE };
    },
  };
}

/** etag, size, modified, expires, meta, … */
type Fields = readonly (Buffer | null)[];

function entryOf(key: Key, [etag, size, modified, expires, meta]: Fields): Entry | undefined {
  if (!etag) return undefined;
  return {
    key,
    etag: etag.toString(),
    size: Number(size),
    modified: Number(modified),
    ...(expires && { expires: Number(expires) }),
    ...(meta && { meta: JSON.parse(meta.toString()) as Record<string, string> }),
  };
}

export const conflict = (key: Key, current: ETag | undefined): StoreError =>
  new StoreError(
    "CONFLICT",
    current === undefined ? `${key} does not exist` : `${key} is another version`,
    { key, ...(current !== undefined && { current }) },
  );

const gone = (key: Key): StoreError =>
  new StoreError("UNAVAILABLE", `the parts of ${key} waited too long for its end; write it again`, {
    key,
  });
