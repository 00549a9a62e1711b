import type { Readable } from "node:stream";
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3";
import {
  checkKey,
  rangeOf,
  StoreError,
  tooLarge,
  type Entry,
  type Item,
  type Key,
  type ListEntry,
  type Opened,
  type OpOptions,
  type Page,
  type ReadOptions,
} from "@citadel/core/driver";
import type { Context } from "./context.ts";
import { entryOf, etagOf, hasExpired } from "./entry.ts";
import { failure, nameOf, statusOf } from "./failure.ts";
import { PROBES } from "./probe.ts";
import { PATIENCE, within } from "./service.ts";

export interface Reads {
  /** what is there, expired or not */
  inspect(key: Key, options?: OpOptions): Promise<Entry | undefined>;
  head(key: Key, options?: OpOptions): Promise<Entry | undefined>;
  get(key: Key, options?: OpOptions): Promise<Item | undefined>;
  read(key: Key, options: ReadOptions): Promise<Opened | undefined>;
  list(
    options: {
      readonly prefix: string;
      readonly after: string;
      readonly limit: number;
    } & OpOptions,
  ): Promise<Page>;
}

const BEYOND = Symbol("the range begins behind the end");

export function reads({ at, service, caps, life, request }: Context): Reads {
  const { sdk, patient } = service;
  const place = (key: Key) => ({ Bucket: at.bucket, Key: at.prefix + key });

  const inspect: Reads["inspect"] = (key, options) =>
    request("none", key, options, async (sending) => {
      try {
        const found = await patient.send(new sdk.HeadObjectCommand(place(key)), sending);
        return entryOf(key, found.ContentLength ?? 0, found);
      } catch (error) {
        return absent(error);
      }
    });
  const head: Reads["head"] = async (key, options) => {
    const entry = await inspect(key, options);
    return entry && !hasExpired(entry) ? entry : undefined;
  };

  const open = (key: Key, Range: string | undefined, options: OpOptions | undefined) =>
    request("none", key, options, async (sending) => {
      try {
        const object = { ...place(key), ...(Range && { Range }) };
        return await patient.send(new sdk.GetObjectCommand(object), sending);
      } catch (error) {
        return statusOf(error) === 416 ? BEYOND : absent(error);
      }
    });

  /** The chunks of a body, one for each call. Throws UNAVAILABLE when they stop coming. */
  const chunks = (key: Key, body: Readable, size: number, signal?: AbortSignal) => {
    const source = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, void>;
    let left = size;
    return async (ms = PATIENCE): Promise<Uint8Array | undefined> => {
      try {
        const next = await within({ ms, signals: [signal] }, async ({ abortSignal }) => {
          const stop = () => body.destroy(new Error("given up"));
          if (abortSignal.aborted) stop();
          abortSignal.addEventListener("abort", stop, { once: true });
          return source.next();
        });
        if (!next.done) {
          left -= next.value.byteLength;
          return next.value;
        }
        if (left > 0) throw new Error(`${left} bytes are missing`);
        return undefined;
      } catch (error) {
        throw failure(error, at, "none", key);
      }
    };
  };

  /** An answer to a read of bytes that are not there. */
  const empty = async (key: Key, options: ReadOptions): Promise<Opened | undefined> => {
    const entry = await head(key, options);
    if (!entry) return undefined;
    demandSame(entry, options);
    const range = rangeOf(key, entry.size, options);
    if (range.start < range.end) throw changed(entry);
    return { ...entry, range, stream: life.stream(() => undefined) };
  };

  return {
    inspect,
    head,
    async get(key, options) {
      const until = performance.now() + (options?.timeoutMs ?? Infinity);
      const found = await open(key, undefined, options);
      if (!found || found === BEYOND) return undefined;
      const body = bodyOf(found);
      try {
        const size = found.ContentLength ?? 0;
        const entry = entryOf(key, size, found);
        if (hasExpired(entry)) return undefined;
        if (size > caps.maxItem) throw tooLarge(key, size, caps.maxItem);
        const next = chunks(key, body, size, options?.signal);
        const whole = new Uint8Array(size);
        let at = 0;
        for (let chunk; (chunk = await next(Math.min(PATIENCE, until - performance.now())));) {
          whole.set(chunk, at);
          at += chunk.byteLength;
        }
        return { ...entry, body: whole };
      } finally {
        body.destroy();
      }
    },
    async read(key, options) {
      const { start = 0, end } = options;
      if (end === start) return empty(key, options);
      const last = end === undefined ? "" : end - 1;
      const Range = start > 0 || end !== undefined ? `bytes=${start}-${last}` : undefined;
      const found = await open(key, Range, options);
      if (!found) return undefined;
      if (found === BEYOND) return empty(key, options);
      const body = bodyOf(found);
      try {
        const sent = found.ContentLength ?? 0;
        const total = found.ContentRange?.split("/")[1];
        const entry = entryOf(key, total === undefined ? sent : Number(total), found);
        if (hasExpired(entry)) {
          body.destroy();
          return undefined;
        }
        demandSame(entry, options);
        const range = rangeOf(key, entry.size, options);
        if (range.end - range.start !== sent)
          throw new StoreError("UNSUPPORTED", `${at.label} does not keep ranges`, { key });
        const next = chunks(key, body, sent);
        return {
          ...entry,
          range,
          stream: life.stream(
            () => next(),
            () => void body.destroy(),
          ),
        };
      } catch (error) {
        body.destroy();
        throw error;
      }
    },
    async list({ prefix, after, limit, ...options }) {
      const query = {
        Bucket: at.bucket,
        Prefix: at.prefix + prefix,
        MaxKeys: limit,
        ...(after && { StartAfter: at.prefix + after }),
      };
      const page = await request("none", undefined, options, (sending) =>
        patient.send(new sdk.ListObjectsV2Command(query), sending),
      );
      const entries: ListEntry[] = [];
      let last: Key | undefined;
      for (const { Key = "", Size = 0, LastModified, ETag } of page.Contents ?? []) {
        const key = (last = Key.slice(at.prefix.length));
        if (!isOurs(key)) continue;
        const modified = LastModified?.getTime() ?? 0;
        entries.push({ key, size: Size, modified, ...(ETag && { etag: etagOf(ETag) }) });
      }
      return { entries, ...(page.IsTruncated && last !== undefined ? { next: last } : {}) };
    },
  };
}

/** Undefined for an answer that says there is no such object; throws any other. */
function absent(error: unknown): undefined {
  if (statusOf(error) !== 404 || nameOf(error) === "NoSuchBucket") throw error;
}

const bodyOf = (found: GetObjectCommandOutput): Readable => found.Body as unknown as Readable;

function demandSame(entry: Entry, { ifMatch }: ReadOptions): void {
  if (ifMatch !== undefined && ifMatch !== entry.etag) throw changed(entry);
}

const changed = ({ key, etag }: Entry): StoreError =>
  new StoreError("CHANGED", `${key} is another version`, { key, current: etag });

/** A bucket may hold other things too. */
function isOurs(key: string): boolean {
  if (key.startsWith(PROBES)) return false;
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}
