import { LRUCache } from "lru-cache";
import { errorCode } from "../errors.ts";
import { logger } from "../log.ts";
import { packageNotFound } from "../registry/context.ts";
import type { Form } from "../registry/types.ts";
import { outlineOf, type Outline } from "./outline.ts";
import type { Remote } from "./remote.ts";
import type { Kept, Shelf } from "./shelf.ts";
import type { Turn } from "./turns.ts";

const forms = ["short", "full"] as const satisfies Form[];
/** ms that "there is no such package" is believed */
const NEGATIVE = 30_000;
/** ms between two questions about one packument that nothing but a miss gave rise to */
const AGAIN = 10_000;
/** ms after a failure before a stale packument is asked for once more */
const RETRY = 5000;

/** What is no word of upstream about packages. */
const failures: ReadonlySet<string> = new Set([
  "E_REMOTE_UNAVAILABLE",
  "E_REMOTE_TIMEOUT",
  "E_REMOTE_ANSWER",
  "E_REMOTE_ADDRESS",
]);

/** A packument of an upstream as it is in memory: what there is to know of it, without its bytes. */
export interface Held {
  readonly remote: Remote;
  readonly form: Form;
  readonly outline: Outline;
  readonly kept: Kept;
  /** ms since 1970 until which upstream is not asked because it just failed */
  readonly retry?: number;
}

export interface Documents {
  /**
   * The packument, as fresh as the setting says: stale for less than that again it is served and renewed meanwhile; older, it is
   * renewed first, or served all the same when upstream fails. Undefined when upstream says that there is none.
   * @param again something that should be in it was not: asks upstream although it is fresh, but not too often
   * @throws E_REMOTE_* when upstream fails and nothing is here
   */
  get(
    remote: Remote,
    name: string,
    form: Form,
    options?: { readonly again?: boolean },
  ): Promise<Held | undefined>;
  /** The form of the packument that is here already, in memory before the store; undefined when neither is. */
  nearest(remote: Remote, name: string): Promise<Form | undefined>;
  /** The bytes that something held is about. @throws as `get` */
  bytes(held: Held): Promise<{ readonly held: Held; readonly bytes: Buffer }>;
}

export interface DocumentOptions {
  readonly shelf: Shelf;
  readonly turn: Turn;
  /** bytes of memory for outlines */
  readonly memory: number;
  /** Hears of a packument that has changed; `after` is undefined when the whole package is gone. Awaited. */
  readonly changed: (
    before: Held,
    after: Held | undefined,
    bytes: () => Promise<Buffer | undefined>,
  ) => Promise<void>;
}

/** See {@link Documents}. Of all that ask for one packument at once, one asks upstream. */
export function createDocuments({ shelf, turn, memory, changed }: DocumentOptions): Documents {
  const log = logger("upstream");
  const memo = new LRUCache<string, Held>({
    maxSize: Math.max(1, memory),
    sizeCalculation: ({ outline }) => 1024 + 500 * outline.releases.size,
  });
  /** until when, in ms since 1970 */
  const absent = new LRUCache<string, number>({ max: 10_000 });
  const flights = new Map<string, Promise<Held | undefined>>();
  /** bytes that just came and will be wanted at once */
  const recent = new LRUCache<string, Buffer>({
    maxSize: 16 * 2 ** 20,
    ttl: 5000,
    sizeCalculation: (bytes) => bytes.byteLength + 1,
  });

  const keyOf = (remote: Remote, name: string, form: Form): string =>
    `${remote.id} ${form} ${name}`;

  const read = (remote: Remote, name: string, bytes: Buffer): Promise<Outline> =>
    outlineOf(bytes, name, { turn, from: remote.tarballs(name) });

  const hold = (key: string, held: Held): Held => {
    memo.set(key, held);
    return held;
  };

  /** What the store has, if it is not what is in memory already. */
  async function shared(remote: Remote, name: string, form: Form): Promise<Held | undefined> {
    const key = keyOf(remote, name, form);
    const mine = memo.get(key);
    const kept = await shelf.state(remote.id, name, form);
    if (!kept || (mine && kept.checked <= mine.kept.checked)) return mine;
    if (mine?.kept.digest === kept.digest) return hold(key, { ...mine, kept });
    const bytes = await shelf.bytes(remote.id, name, form, kept);
    if (!bytes) return mine;
    recent.set(kept.digest, bytes);
    return hold(key, { remote, form, kept, outline: await read(remote, name, bytes) });
  }

  async function renew(
    remote: Remote,
    name: string,
    form: Form,
    again: boolean,
  ): Promise<Held | undefined> {
    const key = keyOf(remote, name, form);
    const before = await shared(remote, name, form);
    if (before && age(before) < (again ? AGAIN : remote.setting.freshness)) return before;
    const known = before?.kept.validators ?? {};
    try {
      const found = await remote.packument(name, form, known);
      const now = Date.now();
      if (found.kind === "same" && before) {
        const kept = { ...before.kept, checked: now };
        await shelf.keep(remote.id, name, form, kept);
        return hold(key, { remote, form, kept, outline: before.outline });
      }
      const outline = found.kind === "new" ? await read(remote, name, found.bytes) : undefined;
      if (found.kind !== "new" || !outline || outline.releases.size === 0)
        return await lost(key, remote, name, form, before);
      const { bytes, digest, validators } = found;
      const same = before?.kept.digest === digest;
      const fetched = same ? before.kept.fetched : now;
      const kept: Kept = { v: 1, validators, digest, fetched, checked: now };
      const after: Held = { remote, form, outline, kept };
      if (before && !same) await changed(before, after, () => old(before));
      recent.set(digest, bytes);
      hold(key, after);
      await shelf.keep(remote.id, name, form, kept, same ? undefined : bytes);
      return after;
    } catch (error) {
      if (!before || !failures.has(errorCode(error) ?? "")) throw error;
      log("served although it could not be renewed", {
        package: name,
        upstream: remote.setting.name,
        error,
      });
      return hold(key, { ...before, retry: Date.now() + RETRY });
    }
  }

  async function lost(
    key: string,
    remote: Remote,
    name: string,
    form: Form,
    before: Held | undefined,
  ): Promise<undefined> {
    if (before) await changed(before, undefined, () => old(before));
    memo.delete(key);
    absent.set(key, Date.now() + NEGATIVE);
    if (before) await shelf.forget(remote.id, name, form);
    return undefined;
  }

  const old = ({ remote, form, outline, kept }: Held): Promise<Buffer | undefined> =>
    shelf.bytes(remote.id, outline.name, form, kept);

  function flight(remote: Remote, name: string, form: Form, again: boolean) {
    const key = keyOf(remote, name, form);
    const running = flights.get(key);
    if (running) return running;
    const started = renew(remote, name, form, again).finally(() => flights.delete(key));
    flights.set(key, started);
    return started;
  }

  const get: Documents["get"] = async (remote, name, form, { again = false } = {}) => {
    const key = keyOf(remote, name, form);
    const held = memo.get(key);
    if (!held)
      return (absent.get(key) ?? 0) > Date.now() ? undefined : flight(remote, name, form, again);
    if ((held.retry ?? 0) > Date.now()) return held;
    const old = age(held);
    const { freshness } = remote.setting;
    if (again ? old < AGAIN : old < freshness) return held;
    const renewed = flight(remote, name, form, again);
    if (again || old >= 2 * freshness) return renewed;
    renewed.catch((error: unknown) => log("could not be renewed", { package: name, error }));
    return held;
  };

  return {
    get,
    async nearest(remote, name) {
      const known = forms.find((form) => memo.has(keyOf(remote, name, form)));
      if (known) return known;
      for (const form of forms) if (await shelf.state(remote.id, name, form)) return form;
      return undefined;
    },
    async bytes(held) {
      const { remote, form, outline, kept } = held;
      const { name } = outline;
      const key = keyOf(remote, name, form);
      const just = recent.get(kept.digest);
      if (just) return { held, bytes: just };
      const stored = await shelf.bytes(remote.id, name, form, kept);
      if (stored) return { held, bytes: stored };
      // evicted, or another server has a newer one
      const found = await remote.packument(name, form, {});
      if (found.kind !== "new") throw packageNotFound(name);
      const { bytes, digest, validators } = found;
      const now = Date.now();
      const fresh: Kept = { v: 1, validators, digest, fetched: now, checked: now };
      const next = { remote, form, outline: await read(remote, name, bytes), kept: fresh };
      await shelf.keep(remote.id, name, form, fresh, bytes);
      return { held: hold(key, next), bytes };
    },
  };
}

/** ms since upstream said that it is the newest. */
const age = ({ kept }: Held): number => Date.now() - kept.checked;
