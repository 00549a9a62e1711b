import { createTurns, type Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { CitadelError, errorCode } from "@citadel/core/errors";
import { tarballFile, type Form } from "@citadel/core/registry";
import { checkOf } from "./lockfile/integrity.ts";
import type { Locked } from "./lockfile/locked.ts";

/** A version whose tarball is here now, and is the one that the lockfile means. */
export interface Fetched {
  readonly locked: Locked;
  /** it was published here, and does not come from elsewhere */
  readonly own: boolean;
  /** bytes */
  readonly size: number;
  /** `sha512-…` of the tarball */
  readonly integrity: string;
}

export interface Failure {
  readonly name: string;
  readonly version: string;
  readonly code: string;
  readonly message: string;
}

export interface FetchedAll {
  readonly fetched: readonly Fetched[];
  /** what an install may do without, and nobody has */
  readonly missing: readonly Failure[];
  readonly failed: readonly Failure[];
}

export interface FetchOptions {
  /** tarballs at once */
  readonly concurrency: number;
  /** forms of the packuments that are fetched as well */
  readonly forms: readonly Form[];
  readonly signal?: AbortSignal;
  /** hears how many are done */
  readonly seen?: (count: number) => void;
}

/** What goes wrong with one thing goes wrong with all. */
const fatal = /^E_(?:STORE_|CANCELLED|CONFIG)/;
const absent: ReadonlySet<string> = new Set(["E_PACKAGE_NOT_FOUND", "E_VERSION_NOT_FOUND"]);

/**
 * Fetches tarballs, and packuments of what comes from other registries, into the cache of the store. Each tarball is read to its end and
 * compared with the lockfile's hash. What is private or published here is never asked for outside.
 */
export async function fetchLocked(
  citadel: Citadel,
  caller: Caller,
  all: readonly Locked[],
  { concurrency, forms, signal, seen = () => {} }: FetchOptions,
): Promise<FetchedAll> {
  const turn = createTurns(concurrency);
  const fetched: Fetched[] = [];
  const missing: Failure[] = [];
  const failed: Failure[] = [];
  const packuments = new Map<string, Promise<unknown>>();
  let count = 0;

  const packument = (name: string): Promise<unknown> => {
    let known = packuments.get(name);
    if (!known) packuments.set(name, (known = warm(citadel, caller, name, forms)));
    return known;
  };
  const one = async (locked: Locked): Promise<void> => {
    signal?.throwIfAborted();
    try {
      fetched.push(await fetchOne(citadel, caller, locked, packument));
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || fatal.test(code)) throw error;
      const { name, version, optional } = locked;
      const failure = { name, version, code, message: (error as Error).message };
      (optional && absent.has(code) ? missing : failed).push(failure);
    }
    seen(++count);
  };
  const ended = await Promise.allSettled(all.map((locked) => turn(() => one(locked))));
  for (const each of ended) if (each.status === "rejected") throw each.reason;
  const order = (a: Failure, b: Failure): number => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1); // prettier-ignore
  return {
    fetched: fetched.toSorted((a, b) => all.indexOf(a.locked) - all.indexOf(b.locked)),
    missing: missing.toSorted(order),
    failed: failed.toSorted(order),
  };
}

async function warm(
  { upstream }: Citadel,
  caller: Caller,
  name: string,
  forms: readonly Form[],
): Promise<void> {
  // prettier-ignore
  for (const form of forms) await upstream?.view(name, form, anywhere, caller);
}

/** Addresses in what is only looked at or kept. */
export const anywhere = "http://localhost/";

async function fetchOne(
  citadel: Citadel,
  caller: Caller,
  locked: Locked,
  packument: (name: string) => Promise<unknown>,
): Promise<Fetched> {
  const own = (await citadel.registry.known(locked.name, caller)) !== undefined;
  if (!own) await packument(locked.name);
  const check = checkOf(locked.integrity);
  let size = 0;
  for await (const chunk of await tarballOf(citadel, caller, locked, own)) {
    check.update(chunk);
    size += chunk.byteLength;
  }
  if (!check.fits())
    throw new CitadelError("E_INTEGRITY", "its tarball is not the one that the lockfile means");
  return { locked, own, size, integrity: check.integrity() };
}

/** @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_POLICY, E_REMOTE_*, E_INTEGRITY */
export async function tarballOf(
  { registry, store, upstream }: Citadel,
  caller: Caller,
  { name, version }: Locked,
  own: boolean,
): Promise<AsyncIterable<Uint8Array>> {
  if (own) {
    const { record } = await registry.resolve(name, version, caller);
    const stream = await store.blobs.open(record);
    if (stream) return stream;
    throw new CitadelError("E_INTEGRITY", `its tarball (${record.integrity}) is missing from the store`); // prettier-ignore
  }
  const found = await upstream?.tarball(name, tarballFile(name, version), caller);
  if (!found) throw new CitadelError("E_PACKAGE_NOT_FOUND", `there is no package ${name} here, and no other registry behind`); // prettier-ignore
  const body = await found.body();
  return body instanceof Uint8Array ? once(body) : body;
}

async function* once<T>(value: T): AsyncGenerator<T, void, void> {
  yield value;
}
