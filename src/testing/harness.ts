import assert from "node:assert/strict";
import type { Capabilities, Driver, Key, ListEntry, ListOptions } from "../driver/driver.ts";
import { storeCode, type StoreErrorCode } from "../driver/error.ts";

/**
 * What {@link defineDriverTests} needs to know about a driver. `S` is whatever names one store: a URL, a folder.
 */
export interface Harness<S> {
  /** Registers a test with the runner: `test` of vitest, node:test and the like. A test that the store's capabilities
   *  make pointless calls `skip` with the reason and returns. */
  test(name: string, run: (context: { skip(reason: string): void }) => Promise<void>): void;
  /** a fresh, empty store */
  make(): Promise<S> | S;
  /** a driver over it, not yet opened; a second call gives a second instance of the same store */
  open(store: S): Driver;
  /** Kills what runs the store without warning (kill -9) and brings it back, where that makes sense. For an embedded
   *  store it may do nothing: its instances are then just abandoned. */
  crash?(store: S): Promise<void>;
  /** called after each test, when every driver over the store is closed */
  remove?(store: S): Promise<void> | void;
  /** put before most keys, such as `c/`, to test how a driver treats them there @default "t/" */
  prefix?: string;
  /**
   * A place in a store that holds other things, too, such as `driver-test/7/`: the tests see and touch nothing but what
   * is below it (and `b/<place>`, `m/<place>`), and everything is removed after each. @default the store is theirs
   */
  within?(store: S): string;
  /** bytes of meta that the driver takes, for a wrapper that needs some of them @default 2048 */
  meta?: number;
  /** why there can be no second instance of one store; what needs one is skipped with this reason */
  alone?: string;
}

/** One test and what it needs: a reason to skip it, or undefined. */
export interface Case {
  readonly name: string;
  readonly unless?: (caps: Capabilities) => string | undefined | false;
  run(scene: Scene): Promise<void>;
}

/** A fresh store, opened. */
export interface Scene {
  readonly driver: Driver;
  readonly caps: Capabilities;
  /** a key below the harness's prefix */
  key(name: string): Key;
  readonly prefix: string;
  /** bytes that a key may have at most */
  readonly room: number;
  /** bytes of meta that the driver takes */
  readonly meta: number;
  /** another instance over the same store, opened */
  second(): Promise<Driver>;
  readonly crash?: () => Promise<void>;
  skip(reason: string): void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (body: Uint8Array | undefined): string | undefined =>
  body && decoder.decode(body);

/** `size` bytes in which every position can be told from its neighbours. */
export function pattern(size: number, seed = 1): Uint8Array {
  const body = new Uint8Array(size);
  let state = seed;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    body[at] = state >>> 24;
  }
  return body;
}

/** The same bytes? Without printing megabytes when not. */
export function same(got: Uint8Array | undefined, wanted: Uint8Array, what = "the bytes"): void {
  assert.ok(got, `${what}: nothing there`);
  assert.equal(got.byteLength, wanted.byteLength, `${what}: length`);
  assert.ok(Buffer.from(got).equals(wanted), `${what} differ`);
}

/** `body` as a source in chunks of `size` bytes. */
export async function* chunked(body: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += size) yield body.slice(at, at + size);
}

/** Everything that a stream carries. */
export async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks);
}

/** Asserts that `work` fails with one of the codes, as a driver's error should; returns it. */
export async function fails(
  wanted: StoreErrorCode | readonly StoreErrorCode[],
  work: Promise<unknown>,
  what = "",
): Promise<
  Error & { readonly code: StoreErrorCode; readonly key?: Key; readonly current?: string }
> {
  const all: readonly string[] = typeof wanted === "string" ? [wanted] : wanted;
  const error: unknown = await work.then(
    (value) => assert.fail(`${what} should fail with ${all.join(" or ")}, gave ${short(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof assert.AssertionError) throw error;
  const code = storeCode(error);
  if (!code || !all.includes(code))
    throw new assert.AssertionError({
      message: `${what} should fail with ${all.join(" or ")}, failed with ${code ?? String(error)}: ${error instanceof Error ? error.stack : ""}`,
      actual: code,
      expected: wanted,
    });
  return error as never;
}

const short = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 200);

/** All pages of a listing. Fails when they do not end. */
export async function walk(driver: Driver, options: ListOptions = {}): Promise<ListEntry[]> {
  const all: ListEntry[] = [];
  let after: Key | undefined;
  for (let pages = 0; ; pages++) {
    assert.ok(pages < 10_000, "the listing does not end");
    const page = await driver.list({ ...options, ...(after === undefined ? {} : { after }) });
    assert.ok(page.entries.length <= (options.limit ?? 1000), "a page is longer than its limit");
    all.push(...page.entries);
    if (page.next === undefined) return all;
    after = page.next;
  }
}

export const keysOf = (entries: readonly ListEntry[]): Key[] => entries.map((entry) => entry.key);

/** Byte order, which for keys is the order of `<`. */
export const ascending = (keys: readonly Key[]): Key[] =>
  keys.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));

/** Runs `work` for each item, some at a time. */
export async function each<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let at = 0; at < items.length; at += 32)
    await Promise.all(items.slice(at, at + 32).map(work));
}

export const until = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
