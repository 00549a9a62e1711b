import { createHash, createHmac, type BinaryLike } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { crc32 } from "node:zlib";

/** An answer that is an error of S3. */
export class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  /** further elements of the answer */
  readonly more: string;
  constructor(status: number, code: string, message = code, more = "") {
    super(message);
    this.status = status;
    this.code = code;
    this.more = more;
  }
}

export interface Credentials {
  readonly key: string;
  readonly secret: string;
  readonly region: string;
}

const hmac = (key: BinaryLike, text: string): Buffer =>
  createHmac("sha256", key).update(text).digest();
const sha256 = (data: BinaryLike): string => createHash("sha256").update(data).digest("hex");
const EMPTY = sha256("");

/** What is percent-encoded in a canonical request: all but A-Z a-z 0-9 - . _ ~ */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );

interface Signed {
  readonly seed: string;
  readonly signingKey: Buffer;
  readonly scope: string;
  readonly date: string;
}

/** Checks a signature of version 4 in the header. Throws what S3 answers. `now` in ms. */
export function verify(req: IncomingMessage, url: URL, who: Credentials, now: number): Signed {
  const { authorization = "" } = req.headers;
  if (!authorization) throw new S3Error(403, "AccessDenied", "anonymous requests are not allowed");
  const [, key, day, region, signedHeaders, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  if (!key || !day || !region || !signedHeaders || !signature)
    throw new S3Error(400, "AuthorizationHeaderMalformed");
  if (key !== who.key) throw new S3Error(403, "InvalidAccessKeyId");
  if (region !== who.region)
    throw new S3Error(
      400,
      "AuthorizationHeaderMalformed",
      `expecting '${who.region}'`,
      `<Region>${who.region}</Region>`,
    );
  const date = String(req.headers["x-amz-date"]);
  const time = Date.parse(
    date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  if (!(Math.abs(time - now) <= 15 * 60_000)) throw new S3Error(403, "RequestTimeTooSkewed");
  const names = signedHeaders.split(";");
  for (const name of Object.keys(req.headers))
    if (/^(host|content-md5|x-amz-.*)$/.test(name) && !names.includes(name))
      throw new S3Error(403, "AccessDenied", `the header ${name} is not signed`);
  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const canonical = [
    req.method,
    url.pathname.split("/").map((part) => encode(decodeURIComponent(part))).join("/"),
    query.toSorted().join("&"),
    ...names.map((name) => `${name}:${String(req.headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    req.headers["x-amz-content-sha256"],
  ].join("\n"); // prettier-ignore
  const scope = `${day}/${region}/s3/aws4_request`;
  const signingKey = ["s3", "aws4_request"].reduce<Buffer>(
    (secret, text) => hmac(secret, text),
    hmac(hmac(`AWS4${who.secret}`, day), region),
  );
  const wanted = hmac(signingKey, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`);
  if (wanted.toString("hex") !== signature) throw new S3Error(403, "SignatureDoesNotMatch");
  return { seed: signature, signingKey, scope, date };
}

/** The content of a request, unwrapped and checked against everything that the headers say about it. */
export function content(
  req: IncomingMessage,
  raw: Buffer,
  signed: Signed,
  { trailers, framing }: { readonly trailers: boolean; readonly framing: boolean },
): Buffer {
  const declared = String(req.headers["x-amz-content-sha256"]);
  const header = (name: string): string | undefined => req.headers[name] as string | undefined;
  let body = raw;
  const checks: [string, string][] = [];
  if (declared.startsWith("STREAMING-")) {
    if (!trailers) throw new S3Error(501, "NotImplemented", "no trailers here");
    if (framing) return raw;
    const chunks = unchunk(raw, declared.includes("HMAC") ? signed : undefined);
    body = chunks.body;
    checks.push(...chunks.trailers);
    if (Number(header("x-amz-decoded-content-length")) !== body.length)
      throw new S3Error(400, "IncompleteBody");
    const announced = header("x-amz-trailer");
    if (announced && !checks.some(([name]) => name === announced))
      throw new S3Error(400, "MalformedTrailerError");
  } else if (declared !== "UNSIGNED-PAYLOAD" && declared !== sha256(raw))
    throw new S3Error(400, "XAmzContentSHA256Mismatch");
  const md5 = header("content-md5");
  if (md5 !== undefined && md5 !== createHash("md5").update(body).digest("base64"))
    throw new S3Error(400, "BadDigest");
  for (const name of Object.keys(req.headers))
    if (/^x-amz-checksum-(?!algorithm|mode|type)/.test(name))
      checks.push([name, header(name) ?? ""]);
  for (const [name, value] of checks) {
    const algorithm = name.replace("x-amz-checksum-", "");
    if (value !== checksum(algorithm, body)) throw new S3Error(400, "BadDigest", name);
  }
  return body;
}

function checksum(algorithm: string, body: Buffer): string {
  if (algorithm === "sha1" || algorithm === "sha256")
    return createHash(algorithm).update(body).digest("base64");
  if (algorithm !== "crc32") throw new S3Error(501, "NotImplemented", `checksum ${algorithm}`);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return sum.toString("base64");
}

/** Decodes `aws-chunked`; with `signed` each chunk is signed, in a chain that starts at the request's signature. */
function unchunk(raw: Buffer, signed: Signed | undefined) {
  const parts: Buffer[] = [];
  let at = 0;
  let before = signed?.seed;
  const line = (): string => {
    const end = raw.indexOf("\r\n", at);
    if (end < 0) throw new S3Error(400, "IncompleteBody");
    const text = raw.toString("latin1", at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const [hex = "", extension = ""] = line().split(";");
    if (!/^[0-9a-f]+$/i.test(hex)) throw new S3Error(400, "InvalidRequest", "no chunk size");
    const size = Number.parseInt(hex, 16);
    const data = raw.subarray(at, at + size);
    if (data.length < size) throw new S3Error(400, "IncompleteBody");
    if (signed) {
      const { date, scope, signingKey } = signed;
      const text = ["AWS4-HMAC-SHA256-PAYLOAD", date, scope, before, EMPTY, sha256(data)];
      const wanted = hmac(signingKey, text.join("\n")).toString("hex");
      if (extension !== `chunk-signature=${wanted}`)
        throw new S3Error(403, "SignatureDoesNotMatch", "chunk");
      before = wanted;
    }
    if (size === 0) break;
    parts.push(data);
    at += size;
    if (line() !== "") throw new S3Error(400, "InvalidRequest", "a chunk is too long");
  }
  const trailers: [string, string][] = [];
  while (at < raw.length) {
    const text = line();
    const colon = text.indexOf(":");
    if (colon > 0)
      trailers.push([text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()]);
  }
  return { body: Buffer.concat(parts), trailers };
}

export const escape = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/[^\t\n -~]/g, (c) =>
      c.charCodeAt(0) < 32 || c.charCodeAt(0) === 127 ? `&#${c.charCodeAt(0)};` : c,
    );

/** The texts of all elements of that name in a request of S3, which nests nothing in them. */
export const texts = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, text = ""]) =>
    text
      .replace(/&#(x?)([0-9a-f]+);/gi, (_, x: string, n: string) =>
        String.fromCodePoint(Number.parseInt(n, x ? 16 : 10)),
      )
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&apos;", "'")
      .replaceAll("&amp;", "&"),
  );
