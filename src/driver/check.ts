import type {
  Capabilities,
  DeleteOptions,
  Key,
  ListOptions,
  OpOptions,
  PutOptions,
  ReadOptions,
  WriteOptions,
} from "./driver.ts";
import { StoreError } from "./error.ts";
import { checkKey } from "./key.ts";

/** Throws ABORTED when the caller has given up already; for the moment just before anything is sent. */
export function checkSignal(options: OpOptions | undefined, key?: Key): void {
  if (options?.signal?.aborted) throw aborted(options.signal, key);
}

/** The error of an operation that stopped with nothing done. */
export function aborted(signal: AbortSignal, key?: Key): StoreError {
  return new StoreError("ABORTED", "the operation was aborted", {
    ...(key === undefined ? {} : { key }),
    cause: signal.reason,
  });
}

/** Everything that the contract says about the arguments of `put`. Throws INVALID, UNSUPPORTED, TOO_LARGE, ABORTED. */
export function checkPut(
  key: Key,
  body: Uint8Array,
  options: PutOptions,
  caps: Capabilities,
): void {
  checkKey(key);
  if (!(body instanceof Uint8Array)) throw invalid(key, "a body is a Uint8Array");
  checkConditions(key, options, caps);
  checkExtras(key, options, caps);
  if (body.byteLength > caps.maxItem) throw tooLarge(key, body.byteLength, caps.maxItem);
  checkSignal(options, key);
}

/** Everything that the contract says about the arguments of `write`. Throws INVALID, UNSUPPORTED, TOO_LARGE, ABORTED. */
export function checkWrite(key: Key, options: WriteOptions, caps: Capabilities): void {
  checkKey(key);
  if (options.sha512 && options.sha512.byteLength !== 64)
    throw invalid(key, "a SHA-512 has 64 bytes");
  if (options.ifAbsent && caps.cas === "none") throw unsupported(key, "ifAbsent");
  checkExtras(key, options, caps);
  const { size } = options;
  if (size !== undefined) {
    if (!natural(size)) throw invalid(key, `not a size: ${size}`);
    if (size > caps.maxObject) throw tooLarge(key, size, caps.maxObject);
  }
  checkSignal(options, key);
}

/** The same for `delete`. */
export function checkDelete(key: Key, options: DeleteOptions, caps: Capabilities): void {
  checkKey(key);
  if (options.ifMatch !== undefined && !caps.casDelete)
    throw unsupported(key, "a conditional delete");
  checkSignal(options, key);
}

/** The same for `read`; the range against the size is for {@link rangeOf}. */
export function checkRead(key: Key, options: ReadOptions, caps: Capabilities): void {
  checkKey(key);
  const { start = 0, end } = options;
  if (!natural(start) || (end !== undefined && (!natural(end) || end < start)))
    throw invalid(key, `not a range: ${start} to ${end}`);
  if (!caps.ranges && (start > 0 || end !== undefined)) throw unsupported(key, "a range");
  checkSignal(options, key);
}

/** The half-open range that `read` carries of an object of `size` bytes. Throws RANGE. */
export function rangeOf(
  key: Key,
  size: number,
  { start = 0, end = size }: ReadOptions,
): { start: number; end: number } {
  if (start >= size && !(start === 0 && size === 0))
    throw new StoreError("RANGE", `byte ${start} is beyond the ${size} bytes of ${key}`, { key });
  return { start, end: Math.min(end, size) };
}

/** The same for `list`, with the defaults filled in. */
export function checkList(options: ListOptions): { prefix: string; after: string; limit: number } {
  const { prefix = "", after = "", limit = 1000 } = options;
  if (typeof prefix !== "string" || typeof after !== "string")
    throw new StoreError("INVALID", "prefix and after are strings");
  if (!natural(limit) || limit < 1 || limit > 1000)
    throw new StoreError("INVALID", `a limit is 1 to 1000, not ${limit}`);
  checkSignal(options);
  return { prefix, after, limit };
}

function checkConditions(key: Key, options: PutOptions, caps: Capabilities): void {
  if (options.ifMatch !== undefined && options.ifAbsent)
    throw invalid(key, "ifMatch and ifAbsent exclude each other");
  if (options.ifMatch !== undefined && (caps.cas === "none" || caps.cas === "create"))
    throw unsupported(key, "ifMatch");
  if (options.ifAbsent && caps.cas === "none") throw unsupported(key, "ifAbsent");
}

function checkExtras(
  key: Key,
  { expires, meta }: Pick<PutOptions, "expires" | "meta">,
  caps: Capabilities,
): void {
  if (expires !== undefined) {
    if (!natural(expires)) throw invalid(key, `expires is ms since 1970, not ${expires}`);
    if (caps.ttl === "none") throw unsupported(key, "expires");
  }
  if (meta === undefined) return;
  let length = 0;
  for (const [name, value] of Object.entries(meta)) {
    if (!/^[a-z0-9-]+$/.test(name)) throw invalid(key, `not a name for meta: ${name}`);
    // as strict as an HTTP header field, which is what some stores keep it in
    if (typeof value !== "string" || !/^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(value))
      throw invalid(key, `meta is printable ASCII: ${name}`);
    length += name.length + value.length;
  }
  if (length > 2048) throw invalid(key, `meta has ${length} bytes, at most 2048 are kept`);
}

const natural = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;

const invalid = (key: Key, why: string): StoreError => new StoreError("INVALID", why, { key });

const unsupported = (key: Key, what: string): StoreError =>
  new StoreError("UNSUPPORTED", `this store cannot keep ${what}`, { key });

/** TOO_LARGE with both numbers. */
export function tooLarge(key: Key, size: number, max: number): StoreError {
  return new StoreError("TOO_LARGE", `${size} bytes for ${key}, this store takes ${max}`, { key });
}
