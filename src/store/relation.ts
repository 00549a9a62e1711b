import type { Driver, Item, Key } from "../driver/index.ts";
import { documentCodec } from "./codec.ts";
import { documentKey } from "./keys.ts";
import type { Kind } from "./types.ts";

/** A document of the target that is in the way of the source's. */
export interface CopyConflict {
  readonly key: Key;
  /** extra: the source has no such document; longer: its history in the target goes beyond the source's */
  readonly why: "extra" | "different" | "longer";
}

/** Why the target's document may not be replaced by the source's; undefined when it is the same, or an earlier state. */
export async function conflictOf(
  from: Driver,
  to: Driver,
  key: Key,
  kinds: readonly Kind<unknown, unknown>[],
): Promise<CopyConflict["why"] | undefined> {
  const [item, there] = await Promise.all([from.get(key), to.get(key)]);
  if (!there) return undefined;
  if (item) return relation(from, to, key, item, there);
  return hasEnded(key, there, kinds) ? undefined : "extra";
}

function hasEnded(key: Key, { body }: Item, kinds: readonly Kind<unknown, unknown>[]): boolean {
  const kind = kinds.find(({ name }) => key.startsWith(documentKey(name)));
  return kind?.ended?.(documentCodec(kind, key).parse(body).state) === true;
}

/** The same for documents that are at hand. */
export async function relation(
  from: Driver,
  to: Driver,
  key: Key,
  item: Item,
  there: Item,
): Promise<"different" | "longer" | undefined> {
  if (sameBytes(item, there)) return undefined;
  const [now, old] = [placeOf(item), placeOf(there)];
  const entries = `h${key.slice(1)}/`;
  const entry = (rev: number, id: string): Key => `${entries}${String(rev).padStart(10, "0")}-${id}`; // prettier-ignore
  if (now && old && old.rev <= now.rev) {
    const id = now.w[now.rev - old.rev];
    if (id === old.w[0]) return undefined;
    // further back than the document remembers
    if (id === undefined && (await from.head(entry(old.rev, old.w[0] as string)))) return undefined;
  }
  if (!now) return "different";
  const { entries: beyond } = await to.list({ prefix: entries, after: entry(now.rev + 1, "~"), limit: 1 }); // prettier-ignore
  return beyond.length > 0 ? "longer" : "different";
}

/** Revision and newest write ids of a document; undefined for what is none. */
function placeOf({ body }: Item): { rev: number; w: readonly string[] } | undefined {
  try {
    const { rev, w } = JSON.parse(Buffer.from(body).toString()) as { rev?: unknown; w?: unknown };
    if (!Number.isSafeInteger(rev) || !Array.isArray(w) || typeof w[0] !== "string")
      return undefined;
    return { rev: rev as number, w: w as string[] };
  } catch {
    return undefined;
  }
}

export const sameBytes = (a: Item, b: Item): boolean => Buffer.compare(a.body, b.body) === 0;
