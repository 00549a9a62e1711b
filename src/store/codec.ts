import { createHash } from "node:crypto";
import type { Codec, Doc, Key } from "../driver/index.ts";
import { Damage } from "./damage.ts";
import type { Kind, LedgerEntry } from "./types.ts";

/** A write id and the SHA-256 (base64url) of the entry that this write stored. */
export interface Link {
  readonly id: string;
  readonly sha256: string;
}

/** What lies under a document's key. */
export interface Stored<S> extends Doc {
  readonly tip: Link;
  /** ms since 1970 of the newest change; never goes back, so that a chain is in order of time */
  readonly at: number;
  readonly state: S;
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("base64url");

/** The form of documents of one kind: `{"v":1,"rev":…,"w":[…],"tip":{…},"at":…,"state":…}`. */
export function documentCodec<S, E>(kind: Kind<S, E>, key: Key): Codec<Stored<S>> {
  const encode = kind.encode ?? ((state: S) => JSON.stringify(state));
  const decode = kind.decode ?? ((json: unknown) => json as S);
  return {
    bytes({ rev, w, tip, at, state }) {
      // the state is printed by its kind, which may know parts of the text already
      const envelope = JSON.stringify({
        v: 1,
        rev,
        w,
        tip: { id: tip.id, sha256: tip.sha256 },
        at,
      });
      return Buffer.from(`${envelope.slice(0, -1)},"state":${encode(state)}}`);
    },
    parse(bytes) {
      try {
        const { v, rev, w, tip, at, state } = parseObject(bytes);
        if (v !== 1 || !isRevision(rev) || !isTime(at) || !isLink(tip) || state === undefined)
          throw new Error("not a document of version 1");
        if (!Array.isArray(w) || w[0] !== tip.id || !w.every((id) => typeof id === "string"))
          throw new Error("the write ids do not fit");
        return { rev, w, tip, at, state: decode(state) };
      } catch (error) {
        throw new Damage("unreadable", key, `the document ${key} cannot be read`, error);
      }
    },
  };
}

export const encodeEntry = <E>(entry: LedgerEntry<E>): Uint8Array =>
  Buffer.from(JSON.stringify(entry));

/** The entry under `key`, whose bytes must have the SHA-256 of `link` and say what the chain says. Throws {@link Damage}. */
export function parseEntry<E>(
  bytes: Uint8Array,
  key: Key,
  place: {
    readonly kind: string;
    readonly name: string;
    readonly rev: number;
    readonly link: Link;
  },
): LedgerEntry<E> {
  if (sha256(bytes) !== place.link.sha256)
    throw new Damage("damaged", key, `the history entry ${key} is not the one that was written`);
  try {
    const { v, kind, name, rev, id, prev, changes } = parseObject(bytes);
    if (v !== 1 || kind !== place.kind || name !== place.name)
      throw new Error("not an entry of this document");
    if (rev !== place.rev || id !== place.link.id) throw new Error("another place in the chain");
    if (rev === 1 ? prev !== null : !isLink(prev)) throw new Error("no link to the one before");
    if (!Array.isArray(changes) || !changes.every(isChange)) throw new Error("no changes");
    return { v, kind, name, rev: place.rev, id: place.link.id, prev: prev as Link | null, changes };
  } catch (error) {
    throw new Damage("history", key, `the history entry ${key} does not fit its chain`, error);
  }
}

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parseObject(bytes: Uint8Array): Record<string, unknown> & Envelope {
  const value: unknown = JSON.parse(text.decode(bytes));
  if (!isObject(value)) throw new Error("not an object");
  return value;
}

/** Names that the parsers above take out of an object, so that they need no index signatures. */
interface Envelope {
  v?: unknown;
  rev?: unknown;
  w?: unknown;
  tip?: unknown;
  at?: unknown;
  state?: unknown;
  kind?: unknown;
  name?: unknown;
  id?: unknown;
  prev?: unknown;
  changes?: unknown;
  sha256?: unknown;
  who?: unknown;
  events?: unknown;
}

const isObject = (value: unknown): value is Record<string, unknown> & Envelope =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isRevision = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0;
const isTime = (value: unknown): value is number => Number.isSafeInteger(value);
const isLink = (value: unknown): value is Link =>
  isObject(value) && typeof value.id === "string" && typeof value.sha256 === "string";
const isChange = (value: unknown): boolean =>
  isObject(value) && isObject(value.who) && isTime(value.at) && Array.isArray(value.events);
