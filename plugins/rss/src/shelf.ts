import { createHash } from "node:crypto";
import type { Store } from "@citadel/core/store";
import { CitadelError } from "@citadel/core/errors";
import type { Feed, Item } from "./model.ts";
import type { Validators } from "./request.ts";

const mostItems = 500;
const mostBytes = 4 * 2 ** 20;

export interface KeptItem extends Item {
  /** ms since 1970 */
  readonly seen: number;
  readonly read?: true;
}

/** What is known of a feed, `n/feeds/<sha256>`; moved by compare-and-set alone. */
export interface Kept {
  readonly v: 1;
  readonly url: string;
  readonly title: string;
  readonly link?: string;
  readonly format?: Feed["format"];
  readonly validators?: Validators;
  /** ms since 1970 of the newest request */
  readonly checked?: number;
  /** before which it is not asked again */
  readonly next?: number;
  /** before which its server does not want to be asked at all */
  readonly until?: number;
  /** requests that failed in a row, and what the last one said */
  readonly fails: number;
  readonly problem?: string;
  /** newest first */
  readonly items: readonly KeptItem[];
}

export interface Shelf {
  read(url: string): Promise<Kept | undefined>;
  /** Changes what is known until nobody else was faster; undefined takes it away. */
  change(url: string, change: (now: Kept) => Kept): Promise<Kept>;
  /** What was kept under one address is kept under another one. */
  move(url: string, to: string): Promise<void>;
  remove(url: string): Promise<void>;
}

/** What one user has of the feeds that they read. */
export function openShelf({ driver }: Pick<Store, "driver">, user: string): Shelf {
  const keyOf = (url: string): string =>
    `n/feeds/${createHash("sha256").update(`${user}\n${url}`).digest("hex")}`;
  const load = async (url: string) => {
    const found = await driver.get(keyOf(url));
    return (
      found && { etag: found.etag, kept: JSON.parse(Buffer.from(found.body).toString()) as Kept }
    );
  };
  const change: Shelf["change"] = async (url, make) => {
    for (let again = 0; again < 20; again++) {
      const found = await load(url);
      const next = make(found?.kept ?? { v: 1, url, title: "", fails: 0, items: [] });
      const condition = found ? { ifMatch: found.etag } : { ifAbsent: true as const };
      try {
        await driver.put(keyOf(url), Buffer.from(JSON.stringify(next)), condition);
        return next;
      } catch (error) {
        if ((error as { code?: unknown }).code !== "CONFLICT") throw error;
      }
    }
    throw new CitadelError("E_CONFLICT", `somebody else keeps changing what is kept of ${url}`);
  };
  return {
    read: async (url) => (await load(url))?.kept,
    change,
    async move(url, to) {
      const found = await load(url);
      if (!found) return;
      await change(to, (now) => (now.items.length > 0 ? now : { ...found.kept, url: to }));
      await driver.delete(keyOf(url));
    },
    remove: (url) => driver.delete(keyOf(url)),
  };
}

/** What is kept once a feed was read: its items, and those that it holds no more while there is room; read ones stay read. */
export function merged(old: readonly KeptItem[], items: readonly Item[], now: number): KeptItem[] {
  const before = new Map(old.map((item) => [item.id, item]));
  const fresh = new Map<string, KeptItem>();
  for (const item of items) {
    const known = before.get(item.id);
    if (!fresh.has(item.id))
      fresh.set(item.id, { ...item, seen: known?.seen ?? now, ...(known?.read && { read: true }) });
  }
  const all = [...fresh.values(), ...old.filter(({ id }) => !fresh.has(id))];
  const sorted = all.toSorted((a, b) => timeOf(b) - timeOf(a)).slice(0, mostItems);
  let room = mostBytes;
  return sorted.map((item) => {
    room -= item.html?.length ?? 0;
    if (room >= 0) return item;
    const { html: _, ...rest } = item;
    return rest;
  });
}

/** When an item came; dates in the future are mistakes. */
export const timeOf = ({ published, seen }: KeptItem): number =>
  published === undefined ? seen : Math.min(published, seen);
