import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import * as sdk from "@aws-sdk/client-s3";
import { afterAll, beforeAll, test } from "vitest";
import { startS3, type S3Server } from "../servers/s3.ts";

const Bucket = "bucket";
const MiB = 1024 * 1024;
let server: S3Server;
let client: sdk.S3Client;
beforeAll(async () => {
  server = await startS3();
  server.bucket(Bucket);
  client = clientOf({});
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

const clientOf = (more: Partial<sdk.S3ClientConfig>): sdk.S3Client =>
  new sdk.S3Client({
    endpoint: server.endpoint,
    region: server.region,
    credentials: { accessKeyId: server.key, secretAccessKey: server.secret },
    forcePathStyle: true,
    maxAttempts: 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...more,
  });
const put = (Key: string, Body: sdk.PutObjectCommandInput["Body"] & {}, more: object = {}) =>
  client.send(new sdk.PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = async (Key: string) => {
  const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }));
  return Body!.transformToString();
};
const answers = (work: Promise<unknown>, status: number, name: string) =>
  assert.rejects(work, (error: sdk.S3ServiceException) => {
    assert.deepEqual([error.$metadata.httpStatusCode, error.name], [status, name]);
    return true;
  });
const digest = (algorithm: string, text: string) =>
  createHash(algorithm).update(text).digest("base64");

test("the S3 server: digests are compared: MD5, SHA-1, SHA-256, CRC32, in headers and in trailers", async () => {
  await put("k", "text", { ContentMD5: digest("md5", "text") });
  await answers(put("k", "text", { ContentMD5: digest("md5", "other") }), 400, "BadDigest");
  for (const algorithm of ["CRC32", "SHA1", "SHA256"] as const) {
    await put("k", "text", { ChecksumAlgorithm: algorithm });
    const body = Readable.from([Buffer.from("streamed")]);
    await put("k", body, { ChecksumAlgorithm: algorithm, ContentLength: 8 });
    assert.equal(await get("k"), "streamed");
  }
  const wrong = digest("sha256", "other");
  await answers(put("k", "text", { ChecksumSHA256: wrong }), 400, "BadDigest");
  await answers(put("k", "text", { ChecksumAlgorithm: "CRC32C" }), 501, "NotImplemented");
  assert.equal(await get("k"), "streamed");
});

test("the S3 server: signatures are checked, and the body against what was signed", async () => {
  const credentials = { accessKeyId: server.key, secretAccessKey: "guessed" };
  const list = new sdk.ListBucketsCommand({});
  await answers(clientOf({ credentials }).send(list), 403, "SignatureDoesNotMatch");
  const nobody = { accessKeyId: "nobody", secretAccessKey: server.secret };
  await answers(clientOf({ credentials: nobody }).send(list), 403, "InvalidAccessKeyId");
  assert.equal((await fetch(`${server.endpoint}/${Bucket}/k`)).status, 403);

  const changed = clientOf({});
  changed.middlewareStack.add(
    (next) => (args) => {
      (args.request as { body: unknown }).body = "exchanged";
      return next(args);
    },
    // after the signature
    { step: "finalizeRequest", priority: "low" },
  );
  const command = new sdk.PutObjectCommand({ Bucket, Key: "k", Body: "original!" });
  await answers(changed.send(command), 400, "XAmzContentSHA256Mismatch");
});

test("the S3 server: names, lists with a delimiter and in pages, bulk deletes, copies, buckets", async () => {
  const Other = "other";
  await client.send(new sdk.CreateBucketCommand({ Bucket: Other }));
  const keys = ["a/1", "a/2", "b", "c & <d> \"e\" 'f'", "plus+ space", "ü", "\uff5e", "😀", "%41"];
  for (const Key of keys)
    await client.send(new sdk.PutObjectCommand({ Bucket: Other, Key, Body: Key }));
  const list = async (more: Partial<sdk.ListObjectsV2CommandInput>) => {
    const found: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const query = { Bucket: Other, ...more, ...(ContinuationToken && { ContinuationToken }) };
      const page = await client.send(new sdk.ListObjectsV2Command(query));
      for (const { Prefix } of page.CommonPrefixes ?? []) found.push(Prefix!);
      for (const { Key } of page.Contents ?? []) found.push(Key!);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    return found;
  };
  const inOrder = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const MaxKeys of [1, 2, 1000]) assert.deepEqual(await list({ MaxKeys }), inOrder);
  assert.deepEqual(await list({ Delimiter: "/", MaxKeys: 1, Prefix: "a" }), ["a/"]);
  assert.deepEqual(await list({ Prefix: "a/", StartAfter: "a/1" }), ["a/2"]);
  for (const Key of keys) {
    const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: Other, Key }));
    assert.equal(await Body!.transformToString(), Key);
  }
  await answers(
    client.send(new sdk.PutObjectCommand({ Bucket: Other, Key: "k".repeat(1025), Body: "" })),
    400,
    "KeyTooLongError",
  );

  const CopySource = `${Other}/b`;
  await client.send(new sdk.CopyObjectCommand({ Bucket, Key: "copy", CopySource }));
  assert.equal(await get("copy"), "b");
  await answers(client.send(new sdk.DeleteBucketCommand({ Bucket: Other })), 409, "BucketNotEmpty");
  const Delete = { Objects: keys.map((Key) => ({ Key })) };
  await client.send(new sdk.DeleteObjectsCommand({ Bucket: Other, Delete }));
  assert.deepEqual(await list({}), []);
  await client.send(new sdk.DeleteBucketCommand({ Bucket: Other }));
  const { Buckets } = await client.send(new sdk.ListBucketsCommand({}));
  assert.deepEqual(
    Buckets?.map(({ Name }) => Name),
    [Bucket],
  );
});

test("the S3 server: conditions of reads and writes; parts too small, missing or in the wrong order", async () => {
  const { ETag } = await put("k", "text");
  const read = (more: object) =>
    client.send(new sdk.GetObjectCommand({ Bucket, Key: "k", ...more }));
  await answers(read({ IfMatch: '"other"' }), 412, "PreconditionFailed");
  await assert.rejects(
    read({ IfNoneMatch: ETag }),
    (error: sdk.S3ServiceException) => error.$metadata.httpStatusCode === 304,
  );
  await answers(read({ Range: "bytes=4-" }), 416, "InvalidRange");
  const part = await read({ Range: "bytes=1-2" });
  assert.deepEqual(
    [part.ContentRange, await part.Body!.transformToString()],
    ["bytes 1-2/4", "ex"],
  );
  await answers(put("k", "new", { IfNoneMatch: "*" }), 412, "PreconditionFailed");
  await answers(put("k", "new", { IfMatch: '"other"' }), 412, "PreconditionFailed");
  await answers(put("none", "new", { IfMatch: ETag }), 404, "NoSuchKey");
  await put("k", "new", { IfMatch: ETag });

  const upload = { Bucket, Key: "parts" };
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(upload));
  const send = (PartNumber: number, size: number) => {
    const command = { ...upload, UploadId, PartNumber, Body: new Uint8Array(size) };
    return client.send(new sdk.UploadPartCommand(command));
  };
  const [small, large] = [await send(1, 100), await send(2, 5 * MiB)];
  const complete = (...Parts: sdk.CompletedPart[]) =>
    client.send(
      new sdk.CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload: { Parts } }),
    );
  const [one, two] = [
    { PartNumber: 1, ETag: small.ETag! },
    { PartNumber: 2, ETag: large.ETag! },
  ];
  await answers(complete(one, two), 400, "EntityTooSmall");
  await answers(complete(two, one), 400, "InvalidPartOrder");
  await answers(complete({ ...one, PartNumber: 3 }), 400, "InvalidPart");
  assert.match((await complete(two)).ETag!, /-1"$/);
  await answers(complete(two), 404, "NoSuchUpload");
});

test("the S3 server: what it does not know is 501, never a wrong yes", async () => {
  await answers(
    client.send(new sdk.GetObjectTaggingCommand({ Bucket, Key: "k" })),
    501,
    "NotImplemented",
  );
  await answers(client.send(new sdk.GetBucketAclCommand({ Bucket })), 501, "NotImplemented");
  await answers(client.send(new sdk.ListObjectsCommand({ Bucket })), 501, "NotImplemented");
});
