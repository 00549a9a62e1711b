import { randomBytes, randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import { storeCode } from "@citadel/core/driver";
import { nameOf, statusOf } from "./failure.ts";
import type { Location } from "./location.ts";
import type { Sending, Service } from "./service.ts";

/** What a server does, found by trying: what it says about itself is known to be wrong at times. */
export interface Verdict {
  /**
   * full: both conditions of a put are kept, among racers too; create-only: If-None-Match is, If-Match is not;
   * refused: the server says that it cannot; ignored: it says yes and overwrites; racy: several racers win
   */
  readonly puts: "full" | "create-only" | "refused" | "ignored" | "racy";
  /** how If-Match wants its etag */
  readonly tags: "quoted" | "bare";
  /** deletes keep If-Match */
  readonly deletes: boolean;
  /** completing a multipart upload keeps If-None-Match */
  readonly completes: boolean;
  /** what becomes of checksums in trailers, the SDK's default for streams */
  readonly trailers: "ok" | "refused" | "corrupt";
  readonly ranges: boolean;
  readonly list: "strong" | "eventual";
}

/** Where probes put their objects: no key of ours starts like this. */
export const PROBES = ":probe/";

const NO_TAG = '"00000000000000000000000000000000"';
const ROUNDS = 4;
const RACERS = 6;

interface Reply {
  readonly status: number;
  readonly tag: string | undefined;
}
const refused = ({ status }: Reply): boolean => status === 409 || status === 412;
const done = ({ status }: Reply): boolean => status === 200;

/**
 * Tries what this server does with conditions, on three objects of its own, which are removed again.
 * Throws what the server says to somebody who may not write there, and UNAVAILABLE when it fails on the way.
 */
export async function probe(
  { sdk, once }: Service,
  at: Location,
  sending: Sending,
): Promise<Verdict> {
  const Bucket = at.bucket;
  const key = `${at.prefix}${PROBES}${randomUUID()}`;
  const [absentKey, streamKey] = [`${key}-absent`, `${key}-stream`];

  /** The status of an answer. What says nothing about the server's abilities is thrown. */
  const ask = async (
    work: Promise<{ ETag?: string | undefined; $metadata: object }>,
  ): Promise<Reply> => {
    try {
      const { ETag } = await work;
      return { status: 200, tag: ETag };
    } catch (error) {
      const status = statusOf(error);
      const telling = status === 501 || (status >= 400 && status < 500 && status !== 429);
      if (!telling || status === 401 || status === 403 || nameOf(error) === "NoSuchBucket")
        throw error;
      return { status, tag: undefined };
    }
  };
  const put = (
    Key: string,
    Body: string | Buffer | Readable,
    more: Partial<PutObjectCommandInput> = {},
  ) => ask(once.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ...more }), sending));
  const remove = (Key: string, IfMatch?: string) =>
    ask(
      once.send(new sdk.DeleteObjectCommand({ Bucket, Key, ...(IfMatch && { IfMatch }) }), sending),
    );

  /** Whether never more than one of several racers wins; one who hears a 5xx may have. */
  const fair = async (race: (n: number) => Promise<Reply>): Promise<string | undefined | false> => {
    const racers = await Promise.allSettled(Array.from({ length: RACERS }, (_, n) => race(n)));
    const won = racers.flatMap((one) =>
      one.status === "fulfilled" && done(one.value) ? [one.value] : [],
    );
    return won.length > 1 ? false : won[0]?.tag;
  };

  const create = async (): Promise<Pick<Verdict, "puts" | "tags" | "list" | "deletes">> => {
    const first = await put(key, "1", { IfNoneMatch: "*" });
    if (!done(first)) {
      await put(key, "1");
      return { puts: "refused", tags: "quoted", ...(await others("quoted")) };
    }
    const again = await put(key, "2", { IfNoneMatch: "*" });
    if (!refused(again)) return { puts: "ignored", tags: "quoted", ...(await others("quoted")) };
    const matching = await match(first.tag ?? NO_TAG);
    const [rest, fairly] = await Promise.all([
      others(matching.tags),
      matching.puts === "racy" || createsFairly(),
    ]);
    return { ...matching, ...rest, ...(fairly ? {} : { puts: "racy" }) };
  };

  const match = async (tag: string): Promise<Pick<Verdict, "puts" | "tags">> => {
    const createOnly = { puts: "create-only", tags: "quoted" } as const;
    const [wrong, absent] = await Promise.all([
      put(key, "3", { IfMatch: NO_TAG }),
      put(absentKey, "3", { IfMatch: NO_TAG }),
    ]);
    if (!refused(wrong) || !(refused(absent) || absent.status === 404)) return createOnly;
    let right = await put(key, "4", { IfMatch: tag });
    const tags = done(right) ? "quoted" : "bare";
    const form = (one: string) => (tags === "bare" ? one.replaceAll('"', "") : one);
    if (!done(right)) right = await put(key, "4", { IfMatch: form(tag) });
    if (!done(right)) return createOnly;
    let now = right.tag ?? NO_TAG;
    for (let round = 0; round < ROUNDS; round++) {
      const IfMatch = form(now);
      const winner = await fair((n) => put(key, `${round} ${n}`, { IfMatch }));
      if (winner === false) return { puts: "racy", tags };
      now = winner ?? (await put(key, `${round}`)).tag ?? NO_TAG;
    }
    return { puts: "full", tags };
  };

  const createsFairly = async (): Promise<boolean> => {
    for (let round = 0; round < 2; round++) {
      await remove(absentKey);
      if ((await fair((n) => put(absentKey, `${n}`, { IfNoneMatch: "*" }))) === false) return false;
    }
    return true;
  };

  /** What there is to find out with `key` there. */
  const others = async (tags: Verdict["tags"]): Promise<Pick<Verdict, "list" | "deletes">> => {
    const form = (one: string) => (tags === "bare" ? one.replaceAll('"', "") : one);
    const tag = (await put(key, randomBytes(8))).tag ?? NO_TAG;
    const before = key.slice(0, -1);
    const listing = { Bucket, Prefix: before, StartAfter: before };
    const page = await once.send(new sdk.ListObjectsV2Command(listing), sending);
    const list = page.Contents?.some((one) => one.Key === key) ? "strong" : "eventual";
    const wrong = await remove(key, form(NO_TAG));
    const right = refused(wrong) ? await remove(key, form(tag)) : undefined;
    return { list, deletes: right !== undefined && done(right) };
  };

  const streams = async (): Promise<Pick<Verdict, "trailers" | "ranges" | "completes">> => {
    const data = randomBytes(70_000);
    const sent = await put(streamKey, Readable.from([data.subarray(0, 9), data.subarray(9)]), {
      ContentLength: data.length,
      ChecksumAlgorithm: "CRC32",
    });
    if (!done(sent)) await put(streamKey, data);
    const get = async (Range?: string): Promise<Buffer> => {
      const object = { Bucket, Key: streamKey, ...(Range && { Range }) };
      const { Body } = await once.send(new sdk.GetObjectCommand(object), sending);
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    };
    const kept = (await get()).equals(data);
    const ranges = (await get("bytes=10-19")).length === 10;
    const trailers = !done(sent) ? "refused" : kept ? "ok" : "corrupt";
    return { trailers, ranges, completes: await completes() };
  };

  /** Whether a multipart upload onto an object that is there can be told not to replace it. */
  const completes = async (): Promise<boolean> => {
    const upload = { Bucket, Key: streamKey };
    const { UploadId } = await once.send(new sdk.CreateMultipartUploadCommand(upload), sending);
    const open = { ...upload, UploadId };
    const one = { ...open, PartNumber: 1, Body: "part" };
    const { ETag } = await once.send(new sdk.UploadPartCommand(one), sending);
    const parts = { MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] }, IfNoneMatch: "*" };
    const end = await ask(
      once.send(new sdk.CompleteMultipartUploadCommand({ ...open, ...parts }), sending),
    );
    if (!done(end))
      await once.send(new sdk.AbortMultipartUploadCommand(open), sending).catch(() => {});
    return refused(end);
  };

  try {
    const [one, two] = await Promise.allSettled([create(), streams()]);
    if (one.status === "rejected") throw one.reason;
    if (two.status === "rejected") throw two.reason;
    return { ...one.value, ...two.value };
  } finally {
    // what a lost connection leaves is for a sweep
    await Promise.allSettled([key, absentKey, streamKey].map((one) => remove(one)));
  }
}

/** Whether an error of a probe says nothing about the server for good. */
export const passing = (error: unknown): boolean =>
  storeCode(error) === "UNAVAILABLE" || storeCode(error) === "UNKNOWN";
