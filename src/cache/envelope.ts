import { createHash } from "node:crypto";
import type { Cached } from "./types.ts";

/** An entry as the shared tiers keep it. */
export interface Sealed extends Cached {
  /** the generation of the key that it was loaded under, see {@link Shelf} */
  readonly mark?: string;
}

interface Head {
  readonly etag: string;
  readonly fetched: number;
  readonly fresh: number | null;
  readonly expires?: number;
  readonly mark?: string;
  readonly integrity: string;
}

export const integrityOf = (body: Uint8Array): string =>
  `sha256-${createHash("sha256").update(body).digest("base64")}`;

/** One line of JSON, then the body in base64: Keyv's adapters keep text only. */
export function seal({ body, fresh, ...rest }: Sealed): { text: string; integrity: string } {
  const integrity = integrityOf(body);
  const head: Head = { ...rest, fresh: Number.isFinite(fresh) ? fresh : null, integrity };
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64");
  return { text: `${JSON.stringify(head)}\n${base64}`, integrity };
}

/** Undefined for what is damaged, expired or no entry at all. */
export function unseal(text: string | undefined): Sealed | undefined {
  const end = text?.indexOf("\n") ?? -1;
  if (text === undefined || end < 0) return undefined;
  try {
    const { fresh, integrity, ...rest } = JSON.parse(text.slice(0, end)) as Head;
    const body = Buffer.from(text.slice(end + 1), "base64");
    if (integrityOf(body) !== integrity || isOver(rest)) return undefined;
    return { ...rest, fresh: fresh ?? Infinity, body };
  } catch {
    return undefined;
  }
}

export const isOver = ({ expires }: Pick<Cached, "expires">): boolean =>
  expires !== undefined && expires <= Date.now();
