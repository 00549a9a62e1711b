import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { content, encode, escape, S3Error, texts, verify } from "./s3-protocol.ts";

/** How a server differs from Amazon's. All off: strict. */
export interface Quirks {
  /** conditions of puts: not looked at, answered with 501, or only If-None-Match known */
  conditions?: "ignored" | "refused" | "create-only";
  /** looks first and writes a moment later */
  racy?: boolean;
  /** If-Match is compared with the bare etag */
  bareTags?: boolean;
  /** If-Match on an absent key creates it */
  matchCreates?: boolean;
  /** the status for whoever loses against a write that has just happened, instead of 412 */
  losers?: 409 | 500;
  /** If-Match of a delete is not looked at */
  deletesIgnored?: boolean;
  /** conditions of CompleteMultipartUpload are not looked at */
  completesIgnored?: boolean;
  /** aws-chunked bodies: answered with 501, or stored with their framing */
  trailers?: "refused" | "stored";
  /** ms until a new object is listed */
  listLag?: number;
}

export type Operation =
  | "ListBuckets" | "CreateBucket" | "HeadBucket" | "DeleteBucket" | "PutObject" | "GetObject" | "HeadObject"
  | "DeleteObject" | "CopyObject" | "DeleteObjects" | "ListObjectsV2" | "CreateMultipartUpload" | "UploadPart"
  | "CompleteMultipartUpload" | "AbortMultipartUpload" | "ListMultipartUploads"; // prettier-ignore

/** Something that goes wrong with the next request that fits. */
export interface Fault {
  readonly operation?: Operation;
  /** end of the key */
  readonly key?: string;
  /** `late`: the connection is reset, and the request is applied so many ms later; `truncate`: half of the body */
  readonly kind: "delay" | "error" | "reset" | "truncate" | "late";
  /** before or after the request is applied @default "before" */
  readonly when?: "before" | "after";
  /** for delay and late */
  readonly ms?: number;
  /** for error @default 500 */
  readonly status?: number;
  /** requests that it hits @default 1 */
  readonly times?: number;
  /** share of fitting requests that it hits @default 1 */
  readonly rate?: number;
}

interface Stored {
  readonly body: Buffer;
  readonly etag: string;
  readonly modified: number;
  readonly headers: Readonly<Record<string, string>>;
}
interface Upload {
  readonly key: string;
  readonly begun: number;
  readonly headers: Stored["headers"];
  readonly parts: Map<number, Stored>;
}
interface Bucket {
  readonly objects: Map<string, Stored>;
  readonly uploads: Map<string, Upload>;
}
interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Buffer | string;
}
interface Request {
  readonly operation: Operation;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface S3Server {
  /** http://127.0.0.1:port */
  readonly endpoint: string;
  readonly port: number;
  readonly key: string;
  readonly secret: string;
  readonly region: string;
  /** requests by operation since the start or the last reset() */
  readonly counts: ReadonlyMap<Operation, number>;
  /** may be changed at any time */
  readonly quirks: Quirks;
  /** objects of a bucket by key; of a test that wants to look behind the protocol */
  objects(bucket: string): ReadonlyMap<string, { readonly body: Buffer; readonly headers: object }>;
  uploads(bucket: string): ReadonlyMap<string, unknown>;
  /** makes a bucket unless it is there; the URL of a store in it */
  bucket(name?: string): string;
  fault(fault: Fault): void;
  reset(): void;
  /** moves the server's clock, in ms */
  skew: number;
  stop(): Promise<void>;
}

const MIN_PART = 5 * 1024 * 1024;
const kept =
  /^(content-type|content-encoding|cache-control|expires|x-amz-storage-class|x-amz-meta-.*)$/;
const md5 = (body: Buffer): string => createHash("md5").update(body).digest("hex");
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/**
 * An S3 server in memory, on a free port of this machine, which refuses whatever Amazon's would refuse: signatures,
 * digests, sizes and conditions are checked, the latter in the same tick as the write. Unknown operations are 501.
 */
export async function startS3(quirks: Quirks = {}): Promise<S3Server> {
  const who = { key: "citadel-test", secret: randomBytes(15).toString("base64"), region: "test-1" };
  const buckets = new Map<string, Bucket>();
  const counts = new Map<Operation, number>();
  const faults: { readonly fault: Fault; left: number }[] = [];
  const clock = { skew: 0 };
  const now = (): number => Date.now() + clock.skew;

  const bucketOf = ({ bucket }: Request): Bucket => {
    const found = buckets.get(bucket);
    if (!found) throw new S3Error(404, "NoSuchBucket");
    return found;
  };
  const uploadOf = (request: Request): Upload => {
    const found = bucketOf(request).uploads.get(request.query.get("uploadId") ?? "");
    if (found?.key !== request.key) throw new S3Error(404, "NoSuchUpload");
    return found;
  };
  const store = (body: Buffer, headers: IncomingMessage["headers"], etag = md5(body)): Stored => ({
    body,
    etag: `"${etag}"`,
    modified: now(),
    headers: Object.fromEntries(
      Object.entries(headers).filter(([name]) => kept.test(name)) as [string, string][],
    ),
  });
  const matches = (tag: string, { etag }: Stored): boolean =>
    tag === "*" ||
    tag === (quirks.bareTags ? etag.replaceAll('"', "") : etag) ||
    (!quirks.bareTags && `"${tag}"` === etag);

  /** Throws unless the conditions of a write hold for what is there. */
  const permit = ({ headers }: Request, there: Stored | undefined, began: Stored | undefined) => {
    const absent = headers["if-none-match"];
    const match = headers["if-match"];
    const lost = there !== began && quirks.losers ? quirks.losers : 412;
    const refuse = () =>
      new S3Error(
        lost,
        { 409: "ConditionalRequestConflict", 412: "PreconditionFailed", 500: "InternalError" }[
          lost
        ],
      );
    if ((absent ?? match) === undefined || quirks.conditions === "ignored") return;
    if (quirks.conditions === "refused") throw new S3Error(501, "NotImplemented");
    if (absent !== undefined && absent !== "*") throw new S3Error(501, "NotImplemented");
    if (absent === "*" && there) throw refuse();
    if (match === undefined || quirks.conditions === "create-only") return;
    if (there ? !matches(match, there) : !quirks.matchCreates)
      throw there ? refuse() : new S3Error(404, "NoSuchKey");
  };

  const put = async (
    request: Request,
    made: Stored,
    began: Stored | undefined,
  ): Promise<Answer> => {
    const { objects } = bucketOf(request);
    const ignored = request.operation === "CompleteMultipartUpload" && quirks.completesIgnored;
    if (!ignored) permit(request, objects.get(request.key), began);
    if (quirks.racy && (request.headers["if-match"] || request.headers["if-none-match"]))
      await sleep(5);
    objects.set(request.key, made);
    return { headers: { etag: made.etag } };
  };

  const get = (request: Request, found: Stored | undefined): Answer => {
    const { operation, headers } = request;
    if (!found) throw new S3Error(404, operation === "HeadObject" ? "NotFound" : "NoSuchKey");
    const size = found.body.length;
    const shown = {
      ...found.headers,
      etag: found.etag,
      "last-modified": new Date(found.modified).toUTCString(),
      "accept-ranges": "bytes",
    };
    const { "if-match": match, "if-none-match": none, range } = headers;
    if (match !== undefined && !matches(match, found)) throw new S3Error(412, "PreconditionFailed");
    if (none !== undefined && matches(none, found)) return { status: 304, headers: shown };
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    if (first === undefined) return { headers: shown, body: found.body };
    const start = Number(first);
    const end = last ? Math.min(Number(last) + 1, size) : size;
    if (start >= size || start >= end) throw new S3Error(416, "InvalidRange");
    const part = { ...shown, "content-range": `bytes ${start}-${end - 1}/${size}` };
    return { status: 206, headers: part, body: found.body.subarray(start, end) };
  };

  const list = ({ query, ...request }: Request): Answer => {
    const { objects } = bucketOf({ query, ...request });
    const prefix = query.get("prefix") ?? "";
    const delimiter = query.get("delimiter") ?? "";
    const token = query.get("continuation-token");
    const after = token
      ? Buffer.from(token, "base64").toString()
      : (query.get("start-after") ?? "");
    const limit = Math.min(Number(query.get("max-keys") ?? 1000), 1000);
    const shown = query.get("encoding-type") === "url" ? encode : escape;
    const lines: string[] = [];
    const groups = new Set<string>();
    let truncated = false;
    let last = after;
    const visible = [...objects].filter(
      ([, { modified }]) => now() - modified >= (quirks.listLag ?? 0),
    );
    for (const [key, { etag, body, modified }] of visible.toSorted(([a], [b]) => byBytes(a, b))) {
      if (!key.startsWith(prefix) || byBytes(key, after) <= 0) continue;
      const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
      const group = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
      if (group !== undefined && (groups.has(group) || after.startsWith(group))) continue;
      if (lines.length >= limit) {
        truncated = true;
        break;
      }
      last = key;
      if (group !== undefined) {
        groups.add(group);
        lines.push(`<CommonPrefixes><Prefix>${shown(group)}</Prefix></CommonPrefixes>`);
      } else
        lines.push(
          `<Contents><Key>${shown(key)}</Key><LastModified>${iso(modified)}</LastModified><ETag>${escape(etag)}</ETag><Size>${body.length}</Size></Contents>`,
        );
    }
    const next = truncated
      ? `<NextContinuationToken>${Buffer.from(last).toString("base64")}</NextContinuationToken>`
      : "";
    return xml(
      "ListBucketResult",
      `<KeyCount>${lines.length}</KeyCount><IsTruncated>${truncated}</IsTruncated>${next}${lines.join("")}`,
    );
  };

  const complete = async (request: Request, began: Stored | undefined): Promise<Answer> => {
    const upload = uploadOf(request);
    const text = request.body.toString();
    const tags = texts(text, "ETag");
    const parts = texts(text, "PartNumber").map((number, n) => {
      const part = upload.parts.get(Number(number));
      if (!part || part.etag.replaceAll('"', "") !== tags[n]?.replaceAll('"', ""))
        throw new S3Error(400, "InvalidPart");
      return { number: Number(number), part };
    });
    if (parts.length === 0) throw new S3Error(400, "MalformedXML");
    for (const [n, { number, part }] of parts.entries()) {
      if (n > 0 && number <= (parts[n - 1]?.number ?? 0))
        throw new S3Error(400, "InvalidPartOrder");
      if (n < parts.length - 1 && part.body.length < MIN_PART)
        throw new S3Error(400, "EntityTooSmall");
    }
    const hashes = parts.map(({ part }) => Buffer.from(part.etag.replaceAll('"', ""), "hex"));
    const etag = `${md5(Buffer.concat(hashes))}-${parts.length}`;
    const body = Buffer.concat(parts.map(({ part }) => part.body));
    const made = store(body, upload.headers, etag);
    await put(request, made, began);
    bucketOf(request).uploads.delete(request.query.get("uploadId") ?? "");
    return xml("CompleteMultipartUploadResult", `<ETag>${escape(made.etag)}</ETag>`);
  };

  const apply = async (request: Request, began: Stored | undefined): Promise<Answer> => {
    const { operation, bucket, key, query, headers, body } = request;
    switch (operation) {
      case "ListBuckets": {
        const all = [...buckets.keys()].map((name) => `<Bucket><Name>${name}</Name></Bucket>`);
        return xml("ListAllMyBucketsResult", `<Buckets>${all.join("")}</Buckets>`);
      }
      case "CreateBucket":
        if (buckets.has(bucket)) throw new S3Error(409, "BucketAlreadyOwnedByYou");
        buckets.set(bucket, { objects: new Map(), uploads: new Map() });
        return {};
      case "HeadBucket":
        bucketOf(request);
        return {};
      case "DeleteBucket":
        if (bucketOf(request).objects.size > 0) throw new S3Error(409, "BucketNotEmpty");
        buckets.delete(bucket);
        return { status: 204 };
      case "PutObject":
        return put(request, store(body, headers), began);
      case "CopyObject": {
        const [, from = "", name = ""] =
          /^\/?([^/]+)\/(.*)$/.exec(decodeURIComponent(String(headers["x-amz-copy-source"]))) ?? [];
        const source = buckets.get(from)?.objects.get(name);
        if (!source) throw new S3Error(404, "NoSuchKey");
        const replace = headers["x-amz-metadata-directive"] === "REPLACE";
        const made = store(source.body, replace ? headers : source.headers);
        await put(request, made, began);
        return xml("CopyObjectResult", `<ETag>${escape(made.etag)}</ETag>`);
      }
      case "GetObject":
      case "HeadObject":
        return get(request, bucketOf(request).objects.get(key));
      case "DeleteObject": {
        const { objects } = bucketOf(request);
        const there = objects.get(key);
        const match = headers["if-match"];
        if (match !== undefined && !quirks.deletesIgnored && there && !matches(match, there))
          throw new S3Error(412, "PreconditionFailed");
        objects.delete(key);
        return { status: 204 };
      }
      case "DeleteObjects": {
        const { objects } = bucketOf(request);
        if (
          !headers["content-md5"] &&
          !Object.keys(headers).some((h) => h.startsWith("x-amz-checksum-"))
        )
          throw new S3Error(400, "InvalidRequest", "a digest of the body is missing");
        const gone = texts(body.toString(), "Key");
        for (const one of gone) objects.delete(one);
        const lines = gone.map((one) => `<Deleted><Key>${escape(one)}</Key></Deleted>`);
        return xml("DeleteResult", lines.join(""));
      }
      case "ListObjectsV2":
        return list(request);
      case "CreateMultipartUpload": {
        const id = randomBytes(12).toString("hex");
        const upload = {
          key,
          begun: now(),
          headers: store(body, headers).headers,
          parts: new Map(),
        };
        bucketOf(request).uploads.set(id, upload);
        return xml("InitiateMultipartUploadResult", `<UploadId>${id}</UploadId>`);
      }
      case "UploadPart": {
        const number = Number(query.get("partNumber"));
        if (!(number >= 1 && number <= 10_000)) throw new S3Error(400, "InvalidArgument");
        const part = store(body, {});
        uploadOf(request).parts.set(number, part);
        return { headers: { etag: part.etag } };
      }
      case "CompleteMultipartUpload":
        return complete(request, began);
      case "AbortMultipartUpload":
        uploadOf(request);
        bucketOf(request).uploads.delete(query.get("uploadId") ?? "");
        return { status: 204 };
      case "ListMultipartUploads": {
        const prefix = query.get("prefix") ?? "";
        const lines = [...bucketOf(request).uploads]
          .filter(([, upload]) => upload.key.startsWith(prefix))
          .map(
            ([id, upload]) =>
              `<Upload><Key>${escape(upload.key)}</Key><UploadId>${id}</UploadId><Initiated>${iso(upload.begun)}</Initiated></Upload>`,
          );
        return xml(
          "ListMultipartUploadsResult",
          `<IsTruncated>false</IsTruncated>${lines.join("")}`,
        );
      }
    }
  };

  const faultFor = (operation: Operation, key: string): Fault | undefined => {
    const at = faults.findIndex(
      ({ fault }) =>
        (fault.operation ?? operation) === operation &&
        key.endsWith(fault.key ?? "") &&
        Math.random() < (fault.rate ?? 1),
    );
    const found = faults[at];
    if (found && --found.left <= 0) faults.splice(at, 1);
    return found?.fault;
  };

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const url = new URL(req.url ?? "/", "http://x");
    let answer: Answer = {};
    let fault: Fault | undefined;
    try {
      const [, bucket = "", ...rest] = url.pathname.split("/").map(decodeURIComponent);
      const key = rest.join("/");
      const operation = operationOf(req, url.searchParams, bucket, key);
      counts.set(operation, (counts.get(operation) ?? 0) + 1);
      const signed = verify(req, url, who, now());
      if (Buffer.byteLength(key) > 1024) throw new S3Error(400, "KeyTooLongError");
      const began = buckets.get(bucket)?.objects.get(key);
      const raw = Buffer.concat(await Array.fromAsync(req as AsyncIterable<Buffer>));
      const trailers = quirks.trailers !== "refused";
      const body = content(req, raw, signed, { trailers, framing: quirks.trailers === "stored" });
      const query = url.searchParams;
      const request: Request = { operation, bucket, key, query, headers: req.headers, body };

      fault = faultFor(operation, key);
      if (fault?.kind === "delay") await sleep(fault.ms);
      if (fault?.kind === "late") {
        setTimeout(() => void apply(request, began).catch(() => {}), fault.ms);
        return void res.destroy();
      }
      if (fault && fault.when !== "after" && breaks(fault, res)) return;
      answer = await apply(request, began);
      if (fault?.when === "after" && breaks(fault, res)) return;
    } catch (error) {
      if (res.destroyed) return;
      const { status, code, message, more } =
        error instanceof S3Error ? error : new S3Error(500, "InternalError", String(error));
      const text = `<Code>${code}</Code><Message>${escape(message)}</Message>${more}`;
      answer = { ...xml("Error", text), status };
    }
    const body = Buffer.from(answer.body ?? "");
    const empty = answer.status === 204 || answer.status === 304;
    res.writeHead(answer.status ?? 200, {
      ...answer.headers,
      ...(empty ? {} : { "content-length": body.length }),
      date: new Date(now()).toUTCString(),
      "x-amz-request-id": randomBytes(8).toString("hex"),
    });
    if (fault?.kind !== "truncate") return void res.end(req.method === "HEAD" ? undefined : body);
    res.write(body.subarray(0, body.length / 2), () => setTimeout(() => res.destroy(), 20));
  };

  const server = createServer({ keepAliveTimeout: 30_000 }, (req, res) => void handle(req, res));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    port,
    ...who,
    counts,
    quirks,
    objects: (name) => buckets.get(name)?.objects ?? new Map(),
    uploads: (name) => buckets.get(name)?.uploads ?? new Map(),
    bucket(name = `test-${randomBytes(6).toString("hex")}`) {
      if (!buckets.has(name)) buckets.set(name, { objects: new Map(), uploads: new Map() });
      const url = new URL(`s3://${name}`);
      url.username = who.key;
      url.password = encodeURIComponent(who.secret);
      url.searchParams.set("endpoint", endpoint);
      url.searchParams.set("region", who.region);
      return url.href;
    },
    fault: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    reset() {
      faults.length = 0;
      counts.clear();
    },
    get skew() {
      return clock.skew;
    },
    set skew(ms) {
      clock.skew = ms;
    },
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Does what a fault says instead of an answer; false when it says nothing about that. */
function breaks({ kind, status = 500 }: Fault, res: ServerResponse): boolean {
  if (kind === "reset") {
    res.socket?.resetAndDestroy();
    return true;
  }
  if (kind !== "error") return false;
  const codes: Readonly<Record<number, string>> = { 403: "AccessDenied", 503: "SlowDown" };
  throw new S3Error(status, codes[status] ?? "InternalError");
}

function operationOf(
  { method = "", headers }: IncomingMessage,
  query: URLSearchParams,
  bucket: string,
  key: string,
): Operation {
  const sub = ["uploads", "uploadId", "delete"].find((name) => query.has(name)) ?? "";
  const level = bucket === "" ? "service" : key === "" ? "bucket" : "object";
  const copy = headers["x-amz-copy-source"] === undefined ? "" : "copy";
  const known: Readonly<Record<string, Operation>> = {
    "GET service": "ListBuckets",
    "PUT bucket": "CreateBucket",
    "HEAD bucket": "HeadBucket",
    "DELETE bucket": "DeleteBucket",
    "POST bucket delete": "DeleteObjects",
    "GET bucket uploads": "ListMultipartUploads",
    "PUT object": "PutObject",
    "PUT object copy": "CopyObject",
    "GET object": "GetObject",
    "HEAD object": "HeadObject",
    "DELETE object": "DeleteObject",
    "POST object uploads": "CreateMultipartUpload",
    "PUT object uploadId": "UploadPart",
    "POST object uploadId": "CompleteMultipartUpload",
    "DELETE object uploadId": "AbortMultipartUpload",
  };
  if (level === "bucket" && method === "GET" && query.get("list-type") === "2")
    return "ListObjectsV2";
  const wanted = [method, level, sub, copy].filter(Boolean).join(" ");
  const other = [...query.keys()].find((name) => !/^(x-id|partNumber|uploadId|uploads|delete|prefix|max-uploads|key-marker|upload-id-marker|encoding-type)$/.test(name)); // prettier-ignore
  const operation = other === undefined ? known[wanted] : undefined;
  if (!operation) throw new S3Error(501, "NotImplemented", `${wanted} ${other ?? ""}`);
  return operation;
}

const iso = (ms: number): string => new Date(ms).toISOString();

const xml = (name: string, inner: string): Answer => ({
  headers: { "content-type": "application/xml" },
  body: `<?xml version="1.0" encoding="UTF-8"?><${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</${name}>`,
});
