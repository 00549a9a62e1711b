import { setTimeout as pause } from "node:timers/promises";
import { storeCode, type Driver, type Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { chain } from "./chain.ts";
import { documentCodec } from "./codec.ts";
import { keep } from "./immutable.ts";
import { documentKey, entryKey } from "./keys.ts";
import { sameBytes } from "./relation.ts";
import type { Kind } from "./types.ts";

const ATTEMPTS = 6;

/**
 * Makes one document of `to` what it is in `from`: first what it refers to, then its history, last the document itself,
 * by compare-and-set. Afterwards what only the document before referred to is deleted.
 * @param accept whether the state of `to` may be replaced; undefined: there is none
 * @throws E_CONFLICT when it may not, or changed meanwhile
 */
export async function replicate<S, E>(
  from: Driver,
  to: Driver,
  { kind, name }: { readonly kind: Kind<S, E>; readonly name: string },
  accept: (state: S | undefined) => boolean,
): Promise<{ readonly copied: number }> {
  const key = documentKey(kind.name, name);
  const codec = documentCodec(kind, key);
  const [item, there] = await Promise.all([from.get(key), to.get(key)]);
  if (!item) throw new CitadelError("E_CONFLICT", `${key} has nothing to copy`);
  const doc = codec.parse(item.body);
  const before = there && codec.parse(there.body).state;
  if (!accept(before)) throw new CitadelError("E_CONFLICT", `${key} changed meanwhile`);
  if (there && sameBytes(item, there)) return { copied: 0 };

  let copied = 0;
  const copy = async (one: Key): Promise<boolean> => {
    if (await to.head(one)) return false;
    const source = await from.get(one);
    if (!source) throw new CitadelError("E_INTEGRITY", `${one} is missing, ${key} refers to it`);
    await keep(to, one, source.size, Infinity, (condition) => to.put(one, source.body, condition));
    copied++;
    return true;
  };
  const referred = new Set(kind.references?.(doc.state) ?? []);
  for (const one of referred) await copy(one);
  for await (const { rev, id } of chain<E>(from, kind.name, name, doc))
    // what is there already was copied after everything before it: newest first, so the rest need not be looked at
    if (!(await copy(entryKey(kind.name, name, rev, id))) && rev <= revOf(there && codec.parse(there.body).rev)) break; // prettier-ignore

  const condition = there ? { ifMatch: there.etag } : { ifAbsent: true as const };
  for (let attempt = 1; ; attempt++) {
    try {
      await to.put(key, item.body, condition);
      break;
    } catch (error) {
      const code = storeCode(error);
      const now = await to.get(key);
      // a lost answer may hide that it was written
      if (now && sameBytes(item, now)) break;
      if (code === "CONFLICT") throw new CitadelError("E_CONFLICT", `${key} changed meanwhile`, { cause: error }); // prettier-ignore
      if ((code !== "UNKNOWN" && code !== "UNAVAILABLE") || attempt >= ATTEMPTS) throw error;
      await pause(Math.random() * 8 * 2 ** attempt);
    }
  }
  if (before !== undefined)
    for (const one of kind.references?.(before) ?? []) if (!referred.has(one)) await to.delete(one);
  return { copied: copied + 1 };
}

const revOf = (rev: number | undefined): number => rev ?? 0;
