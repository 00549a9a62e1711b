import type { ETag, Key } from "./driver.ts";

/** The three outcomes of a write are: done; one of the codes that mean "nothing happened"; UNKNOWN. */
export type StoreErrorCode =
  | "CONFLICT" // the condition did not hold; nothing was written
  | "UNKNOWN" // a write may or may not have happened, and may still happen
  | "UNAVAILABLE" // certainly nothing was written; trying again later may help
  | "INVALID" // key, option or argument outside the contract
  | "TOO_LARGE"
  | "RANGE"
  | "CORRUPT"
  | "CHANGED"
  | "DENIED"
  | "FULL"
  | "UNSUPPORTED"
  | "ABORTED"
  | "CLOSED";

/** Thrown by drivers. Other packages test `code`, never `instanceof`. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  readonly key: Key | undefined;
  /** CONFLICT: the etag found; undefined when the key is absent or the store does not tell */
  readonly current: ETag | undefined;
  constructor(
    code: StoreErrorCode,
    message: string,
    more: { key?: Key; current?: ETag; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.key = more.key;
    this.current = more.current;
  }
}

const codes: ReadonlySet<string> = new Set<StoreErrorCode>([
  "CONFLICT",
  "UNKNOWN",
  "UNAVAILABLE",
  "INVALID",
  "TOO_LARGE",
  "RANGE",
  "CORRUPT",
  "CHANGED",
  "DENIED",
  "FULL",
  "UNSUPPORTED",
  "ABORTED",
  "CLOSED",
]);

/** The store code of a thrown value, undefined when it is not a driver's error. */
export function storeCode(error: unknown): StoreErrorCode | undefined {
  if (!(error instanceof Error) || error.name !== "StoreError") return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && codes.has(code) ? (code as StoreErrorCode) : undefined;
}
