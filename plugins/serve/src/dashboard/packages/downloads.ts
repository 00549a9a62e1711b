import { dayOf } from "@citadel/core/counts";
import { callerOf } from "../../context.ts";
import { param, type Handler, type Visit } from "../../npm/room.ts";
import type { Kept } from "./kept.ts";
import { demandReadable } from "./located.ts";

const dayLong = 86_400_000;
const days = 90;
/** ms that counts are kept */
const fresh = 30_000;

/** `GET …/downloads`: the last 90 days, today included; what was fetched from this registry. */
export const createDownloads =
  (kept: Kept): Handler =>
  async (c) => {
    const { shared, asked } = c.env;
    const name = param(c, "name");
    await demandReadable(shared, name, await callerOf(shared, asked));
    const end = dayOf(Date.now());
    const counts = await kept(`downloads/${days}/${end}/${encodeURIComponent(name)}`, async () => ({
      value: await countsOf(c.env, name, end),
      ttl: fresh,
    }));
    return c.json(counts);
  };

/** Downloads day by day. */
export type DownloadCounts = Awaited<ReturnType<typeof countsOf>>;

async function countsOf({ shared }: Visit, name: string, end: string) {
  const start = dayOf(Date.parse(end) - (days - 1) * dayLong);
  const byDay = new Map<string, number>();
  const versions = new Map<string, number>();
  for await (const { day, counts } of shared.citadel.downloads.read(start, end))
    for (const [version, count] of counts.get(name) ?? []) {
      byDay.set(day, (byDay.get(day) ?? 0) + count);
      versions.set(version, (versions.get(version) ?? 0) + count);
    }
  const items = Array.from({ length: days }, (_, n) => {
    const day = dayOf(Date.parse(start) + n * dayLong);
    return { day, downloads: byDay.get(day) ?? 0 };
  });
  const top = [...versions].toSorted(([, a], [, b]) => b - a).slice(0, 20);
  return {
    ...{ start, end, items },
    total: items.reduce((sum, { downloads }) => sum + downloads, 0),
    versions: top.map(([version, downloads]) => ({ version, downloads })),
  };
}
