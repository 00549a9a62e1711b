import { statfs } from "node:fs/promises";
import { logger, type Citadel } from "@citadel/core";
import { createSilences, type Silence } from "@citadel/core/alerts";
import { temporary } from "@citadel/core/store";
import { isExpiring } from "./stock.ts";

/** What alerts look at besides the samples. */
export interface Facts {
  /** per cent; undefined where the system does not tell */
  readonly diskUsed: number | undefined;
  /** undefined: not looked yet, as are blocked clients */
  readonly expiringKeys: number | undefined;
  readonly blockedClients: number | undefined;
  /** names of registries behind this one */
  readonly upstreamsDown: ReadonlySet<string>;
  /** alerts that nobody is told of, by their name */
  readonly silences: ReadonlyMap<string, Silence>;
}

/** ms between two looks at what costs little */
const often = 10_000;
/** ms between two looks at all API keys */
const seldom = 3_600_000;
/** ms until the first */
const soon = 60_000;

/** Looks now and then. @returns what it last saw, and a way to have it look again at once */
export function createFacts(citadel: Citadel): { read(): Facts; look(): Promise<void> } {
  const log = logger("alerts");
  const silences = createSilences(citadel.store.driver);
  const noted = temporary<1>(citadel.store.driver, "expiring-keys");
  let seen: Facts = {
    diskUsed: undefined,
    expiringKeys: undefined,
    blockedClients: undefined,
    upstreamsDown: new Set(),
    silences: new Map(),
  };
  let looked = -Infinity;
  // not while the server starts
  let counted = Date.now() - seldom + soon;

  /** Counts them, and notes each once. */
  const expiring = async (): Promise<number> => {
    const found = (await (await citadel.apiKeys()).list()).filter(isExpiring);
    for (const { id, name, user, expires: until } of found) {
      const first = await noted.change(id, (before) =>
        before ? { next: undefined, answer: false } : { next: { value: 1, until }, answer: true },
      );
      const expires = new Date(until).toISOString();
      if (first) await citadel.notices.note("key.expiring", { id, name, user, expires });
    }
    return found.length;
  };

  const look = async (): Promise<void> => {
    const now = Date.now();
    looked = now;
    const count = now - counted >= seldom;
    if (count) counted = now;
    const [diskUsed, blocks, silenced, expiringKeys] = await Promise.all([
      usedOf(citadel.dirs.data),
      citadel.limits().then(({ blocks: all }) => all.list()),
      silences.list(),
      count ? expiring() : seen.expiringKeys,
    ]);
    const down = (citadel.upstream?.status() ?? []).filter(({ state }) => state === "open");
    seen = {
      ...{ diskUsed, expiringKeys },
      blockedClients: blocks.length,
      upstreamsDown: new Set(down.map(({ name }) => name)),
      silences: new Map(silenced.map((silence) => [silence.rule, silence])),
    };
  };

  return {
    look,
    read() {
      if (Date.now() - looked >= often)
        void look().catch((error: unknown) => log("what alerts look at is not known", { error }));
      return seen;
    },
  };
}

/** Per cent as `df` has it: of what others than root may use. */
async function usedOf(folder: string): Promise<number | undefined> {
  try {
    const { blocks, bfree, bavail } = await statfs(folder);
    const used = blocks - bfree;
    return used + bavail === 0 ? undefined : (used / (used + bavail)) * 100;
  } catch {
    return undefined; // a folder that is not there yet, or not told of
  }
}
