import { advisoriesKind } from "../advisories/kind.ts";
import { escaped } from "../documents/readme/escape.ts";
import { itemsOf, journal } from "../journal/index.ts";
import { logger } from "../log.ts";
import { policyKind } from "../policy/kind.ts";
import type { Store } from "../store/types.ts";
import { quarantineKind } from "../upstream/quarantine.ts";
import type { FeedEntry } from "./types.ts";

const most = 100;

/**
 * What became of the rules of the supply chain: the policy and its exceptions, versions that upstreams took back, advisories. The newest
 * hundred, by date.
 * @param host of ids @param base address of the registry, with a slash
 */
export async function policyEntries(
  store: Pick<Store, "ledger">,
  host: string,
  base: string,
): Promise<readonly FeedEntry[]> {
  const log = logger("feeds");
  const entries: FeedEntry[] = [];
  const kinds = [policyKind(), quarantineKind(), advisoriesKind()];
  const damaged = (key: string, error: Error): void => log(`${key} cannot be read`, { error });
  for await (const entry of journal(store, { kinds, damaged }))
    for (const { time, kind, name, rev, who, events } of itemsOf(entry))
      for (const [n, { type, text }] of events.entries()) {
        if (entries.length === most) return entries;
        const of = kind === "quarantine" ? name : kind;
        const year = time.slice(0, 4);
        entries.push({
          id: `tag:${host},${year}:${kind}/${name}/${rev}/${Date.parse(time)}/${n}`,
          title: `${of}: ${text}`,
          link: `${base}_dashboard/policy`,
          time: Date.parse(time),
          html: `<p>${escaped(text)}</p><p>by ${escaped(who)}</p>`,
          by: who,
          event: `${kind}.${type}`,
          tags: [],
          ...(kind === "quarantine" && { package: name }),
        });
      }
  return entries;
}
