import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import {
  checkDelete,
  checkPut,
  checkWrite,
  incoming,
  locked,
  StoreError,
  storeCode,
  type Condition,
  type DeleteOptions,
  type Entry,
  type ETag,
  type Key,
  type OpOptions,
  type PutOptions,
  type WriteOptions,
} from "@citadel/core/driver";
import type { Context } from "./context.ts";
import { etagOf, hasExpired, isPast, metadataOf, reserved, tagOf } from "./entry.ts";
import type { Effect } from "./failure.ts";
import { locks } from "./locks.ts";
import type { Reads } from "./reads.ts";
import { PATIENCE, storedAt, type Send } from "./service.ts";
import { upload } from "./upload.ts";

export interface Writes {
  put(key: Key, body: Uint8Array, options: PutOptions): Promise<Entry>;
  write(key: Key, source: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<Entry>;
  delete(key: Key, options: DeleteOptions): Promise<void>;
  /** frees the space of an entry that has expired; whether there was one */
  expire(key: Key, options: OpOptions): Promise<boolean>;
  /** upload ids of this process */
  readonly active: ReadonlySet<string>;
}

type Stored = Pick<Entry, "etag" | "modified">;

export function writes(
  { at, service, verdict, caps, life, request }: Context,
  reads: Reads,
): Writes {
  const { sdk, once } = service;
  const active = new Set<string>();
  const place = (key: Key) => ({ Bucket: at.bucket, Key: at.prefix + key });
  const alone = caps.cas === "process";
  const form = (tag: string): string => (verdict.tags === "bare" ? tag : `"${tag}"`);
  /** everything that changes a key, one after another, where only this process keeps conditions */
  const inTurn = <T>(key: Key, work: () => Promise<T>): Promise<T> =>
    alone ? locked(locks(), `${at.endpoint}/${at.bucket}/${at.prefix}${key}`, work) : work();

  /** Throws CONFLICT unless the condition holds now. */
  const demand = async (key: Key, condition: Condition, options: OpOptions): Promise<void> => {
    const { ifMatch, ifAbsent } = condition;
    if (ifMatch === undefined && !ifAbsent) return;
    const there = await reads.head(key, options);
    if (ifAbsent ? there : there?.etag !== ifMatch) throw conflict(key, there?.etag);
  };

  /** Sends what makes an object appear, under its condition: kept by the server, or `checked` here. */
  const finish = async (
    key: Key,
    options: PutOptions,
    send: Send,
    checked: boolean,
    ms?: number,
  ): Promise<Stored> => {
    const ask = async (headers: Parameters<Send>[0], effect: Effect): Promise<Stored> => {
      const began = performance.now();
      const { ETag, $metadata } = await request(
        effect,
        key,
        options,
        (sending) => send(headers, sending),
        ms,
      );
      const modified = storedAt($metadata, performance.now() - began);
      return { etag: etagOf(ETag, options.expires), modified };
    };
    const { ifMatch, ifAbsent } = options;
    if (checked) {
      await demand(key, options, options);
      return ask({}, "write");
    }
    if (ifMatch !== undefined) {
      const tag = tagOf(ifMatch);
      if (tag === undefined || isPast(ifMatch)) throw conflict(key);
      return ask({ IfMatch: form(tag) }, "conditional write");
    }
    if (!ifAbsent) return ask({}, "write");
    try {
      return await ask({ IfNoneMatch: "*" }, "conditional write");
    } catch (error) {
      if (storeCode(error) !== "CONFLICT" || caps.ttl === "none") throw error;
      const there = await reads.inspect(key, options).catch(() => undefined);
      if (!there || !hasExpired(there)) throw conflict(key, there?.etag, error);
      // what has expired counts as absent, for us; the server wants it replaced or gone
      const IfMatch = form(tagOf(there.etag) ?? "");
      if (caps.cas === "full") return ask({ IfMatch }, "conditional write");
      await remove(key, options, IfMatch);
      return ask({ IfNoneMatch: "*" }, "conditional write");
    }
  };

  const remove = (key: Key, options: OpOptions, IfMatch?: string): Promise<unknown> =>
    request(IfMatch ? "conditional write" : "write", key, options, (sending) =>
      once.send(
        new sdk.DeleteObjectCommand({ ...place(key), ...(IfMatch && { IfMatch }) }),
        sending,
      ),
    );

  const paramsOf = (
    key: Key,
    extras: Pick<PutOptions, "expires" | "meta">,
  ): Omit<PutObjectCommandInput, "Body"> => ({
    ...place(key),
    ContentType: "application/octet-stream",
    Metadata: metadataOf(extras),
    // documents are small, and read and replaced all the time
    ...(at.storageClass && key.startsWith("b/") && { StorageClass: at.storageClass as "STANDARD" }),
  });
  const putting =
    (params: PutObjectCommandInput): Send =>
    (headers, sending) =>
      once.send(new sdk.PutObjectCommand({ ...params, ...headers }), sending);

  return {
    active,
    async put(key, body, options) {
      checkPut(key, body, options, caps);
      checkMeta(key, options);
      const { expires, meta } = options;
      const send = putting({ ...paramsOf(key, options), Body: new Uint8Array(body) });
      const size = body.byteLength;
      // a slow line is no reason to give up
      const ms = PATIENCE + size / 100;
      const stored = await inTurn(key, () => finish(key, options, send, alone, ms));
      return { key, size, ...stored, ...extrasOf({ expires, meta }) };
    },

    async write(key, source, options) {
      checkWrite(key, options, caps);
      checkMeta(key, options);
      const { ifAbsent, expires, meta, timeoutMs, signal } = options;
      const until = performance.now() + (timeoutMs ?? Infinity);
      const limits = (): OpOptions => ({
        ...(signal && { signal }),
        ...(timeoutMs !== undefined && { timeoutMs: until - performance.now() }),
      });
      const extras = extrasOf({ expires, meta });
      const condition: Condition = ifAbsent ? { ifAbsent } : {};
      let size = 0;
      let stored: Stored | undefined;
      const counted = async function* () {
        const bounds = { max: caps.maxObject, signal: life.signal };
        for await (const chunk of incoming(key, source, options, bounds)) {
          size += chunk.byteLength;
          yield chunk;
        }
      };
      await upload(service, paramsOf(key, options), counted(), {
        active,
        // a long upload for nothing would be a pity
        begin: () => demand(key, condition, limits()),
        hidden: (send) => request("none", key, limits(), send, 2 * PATIENCE),
        async finish(send, from) {
          const checked = alone || (from === "parts" && !caps.casWrite);
          stored = await inTurn(key, () =>
            finish(key, { ...limits(), ...condition, ...extras }, send, checked, 2 * PATIENCE),
          );
        },
      });
      return { key, size, ...(stored as Stored), ...extras };
    },

    async delete(key, options) {
      checkDelete(key, options, caps);
      const { ifMatch } = options;
      await inTurn(key, async () => {
        if (ifMatch === undefined) return remove(key, options);
        // also because servers differ about keys that are absent, and know nothing of expiry
        await demand(key, { ifMatch }, options);
        return remove(key, options, alone ? undefined : form(tagOf(ifMatch) ?? ""));
      });
    },

    expire: (key, options) =>
      inTurn(key, async () => {
        const there = await reads.inspect(key, options);
        if (!there || !hasExpired(there)) return false;
        const IfMatch = form(tagOf(there.etag) ?? "");
        try {
          if (alone) await remove(key, options);
          else if (caps.casDelete) await remove(key, options, IfMatch);
          else if (there.size === 0) return false;
          else {
            // only its name is left, until somebody writes it again
            const send = putting({ ...paramsOf(key, there), Body: new Uint8Array() });
            await request("conditional write", key, options, (sending) =>
              send({ IfMatch }, sending),
            );
          }
          return true;
        } catch (error) {
          // it is not what has expired any more
          if (storeCode(error) === "CONFLICT") return false;
          throw error;
        }
      }),
  };
}

function checkMeta(key: Key, { meta }: Pick<PutOptions, "meta">): void {
  for (const name of Object.keys(meta ?? {}))
    if (reserved.has(name))
      throw new StoreError("INVALID", `meta cannot have the name ${name}`, { key });
}

const extrasOf = ({ expires, meta }: { expires?: number | undefined; meta?: Entry["meta"] }) => ({
  ...(expires === undefined ? {} : { expires }),
  ...(meta && Object.keys(meta).length > 0 ? { meta: { ...meta } } : {}),
});

const conflict = (key: Key, current?: ETag, cause?: unknown): StoreError =>
  new StoreError("CONFLICT", `the condition for ${key} does not hold`, {
    key,
    ...(current === undefined ? {} : { current }),
    cause,
  });
