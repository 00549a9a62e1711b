import { CitadelError } from "@citadel/core";

/** ms that a sender may be silent, and that a small body may take */
const silence = 60_000;
/** bytes of an unwanted body that are still read, so that the sender gets to see the answer */
const unwanted = 256 * 2 ** 20;
/** bytes up to which a body is read as a whole */
export const small = 2 ** 20;
const deepest = 100;
const mostKeys = 1_000_000;

/** Any JSON, nothing of it trusted. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * The whole body as JSON.
 * @param limit bytes, after decompression
 * @throws E_TOO_LARGE, E_BAD_REQUEST, E_CANCELLED when the client went away
 */
export async function readJson(request: Request, limit: number): Promise<Json> {
  return parseJson(await readText(request, limit));
}

/** The whole body as text, decompressed. Throws like {@link readJson}. */
export async function readText(request: Request, limit: number): Promise<string> {
  const length = lengthOf(request, limit);
  if (length !== undefined && length <= small && !isCoded(request)) return smallText(request);
  const parts: Uint8Array[] = [];
  for await (const chunk of bodyOf(request, limit)) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8");
}

/** A body of known and small length: one that takes long is sent to keep a connection busy. @throws E_BAD_REQUEST, E_CANCELLED */
export const smallText = (request: Request): Promise<string> =>
  inTime(request.text()).catch((error: unknown) => {
    throw failure(error, request);
  });

/** Content-Length, checked against the limit. @throws E_TOO_LARGE */
export function lengthOf(
  request: Request,
  limit: number,
  tooLarge: () => CitadelError = () => bodyTooLarge(limit),
): number | undefined {
  const field = request.headers.get("content-length");
  if (field === null) return undefined;
  if (Number(field) > limit) throw tooLarge();
  return Number(field);
}

/** Whether the body is compressed. */
export function isCoded({ headers }: Request): boolean {
  return (headers.get("content-encoding") ?? "identity") !== "identity";
}

/**
 * The body as it comes in, decompressed. When the reader leaves early, the rest is read and thrown away for a while,
 * because most clients look for an answer only after they have sent everything.
 * @throws E_TOO_LARGE after `limit` bytes; E_BAD_REQUEST when it cannot be decompressed or stops coming; E_CANCELLED when the client went away
 */
export async function* bodyOf(
  request: Request,
  limit: number,
  tooLarge: () => CitadelError = () => bodyTooLarge(limit),
): AsyncGenerator<Uint8Array, void, void> {
  const body = decoded(request);
  if (!body) return;
  const reader = body.getReader();
  let size = 0;
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read()).catch((error: unknown) => {
        ended = true;
        throw failure(error, request);
      });
      if (done) {
        ended = true;
        return;
      }
      size += value.length;
      if (size > limit) throw tooLarge();
      yield value;
    }
  } finally {
    if (!ended) void discard(reader);
  }
}

function decoded(request: Request): ReadableStream<Uint8Array> | null {
  const coding = request.headers.get("content-encoding")?.toLowerCase() ?? "identity";
  const body = request.body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
  if (coding === "identity" || !body) return body;
  if (coding !== "gzip" && coding !== "x-gzip" && coding !== "deflate")
    throw new CitadelError(
      "E_BAD_REQUEST",
      "the body is compressed in a way that is not known here",
      {
        hint: ["send it as it is, or with content-encoding: gzip"],
      },
    );
  return body.pipeThrough(new DecompressionStream(coding === "deflate" ? "deflate" : "gzip"));
}

async function inTime<T>(reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SlowBody()), silence);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

function failure(error: unknown, request: Request): unknown {
  if (error instanceof CitadelError) return error;
  return isCoded(request)
    ? new CitadelError("E_BAD_REQUEST", "the body cannot be decompressed", { cause: error })
    : new CitadelError("E_CANCELLED", "the client went away", { cause: error });
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    for (let size = 0; size < unwanted;) {
      const { done, value } = await inTime(reader.read());
      if (done) return;
      size += value.length;
    }
    await reader.cancel();
  } catch {
    await reader.cancel().catch(() => {}); // nobody is left to be told
  }
}

/** @throws E_BAD_REQUEST for what is not JSON, and for JSON made to hurt: `__proto__`, endless nesting, millions of keys */
export function parseJson(text: string): Json {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    throw new CitadelError("E_BAD_REQUEST", "the body is not JSON", { cause: error });
  }
  const counter = countJson();
  let level: readonly Json[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    counter.depth(depth);
    const next: Json[] = [];
    for (const node of level) {
      if (typeof node !== "object" || node === null) continue;
      const list = Array.isArray(node);
      for (const [key, child] of Object.entries(node)) {
        if (!list) counter.key(key);
        if (typeof child === "object" && child !== null) next.push(child);
      }
    }
    level = next;
  }
  return value;
}

/** The limits of {@link parseJson}, for readers that see the keys one by one. */
export function countJson(): { depth(depth: number): void; key(key: string): void } {
  let keys = 0;
  return {
    depth(depth) {
      if (depth > deepest) throw bad(`the JSON is nested deeper than ${deepest} levels`);
    },
    key(key) {
      if (key === "__proto__") throw bad("the JSON has a key that is not allowed: __proto__");
      if (++keys > mostKeys) throw bad(`the JSON has more than ${mostKeys} keys`);
    },
  };
}

/** A body that does not come to its end. The connection is of no more use. */
export class SlowBody extends CitadelError {
  constructor() {
    super("E_BAD_REQUEST", "the body stopped coming, or came too slowly");
  }
}

export function bodyTooLarge(limit: number): CitadelError {
  return new CitadelError("E_TOO_LARGE", `the request body has more than ${limit} bytes`, {
    hint: ["send less in one request"],
  });
}

function bad(message: string): CitadelError {
  return new CitadelError("E_BAD_REQUEST", message);
}
