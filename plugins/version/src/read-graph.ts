import type { Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { buildVersionGraph, type GraphOptions, type VersionGraph } from "./graph.ts";
import { readHistory, type PackageHistory } from "@citadel/core/documents";

/** Days of downloads that are summed. */
const days = 30;
const dayLong = 86_400_000;

/**
 * The graph of a package, with what is counted and known here of its versions.
 * @throws E_PACKAGE_NOT_FOUND, E_REMOTE_*
 */
export async function readGraph(
  citadel: Citadel,
  name: string,
  caller: Caller,
  { limit }: Pick<GraphOptions, "limit"> = {},
): Promise<VersionGraph> {
  const history = await readHistory(citadel, name, caller);
  const [downloads, advisories] = await Promise.all([
    countsOf(citadel, name),
    advisoriesOf(citadel, history),
  ]);
  return buildVersionGraph(history, {
    ...(limit !== undefined && { limit }),
    downloads,
    advisories,
  });
}

async function countsOf({ downloads }: Citadel, name: string): Promise<Map<string, number>> {
  const now = Date.now();
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  const sums = new Map<string, number>();
  for await (const { counts } of downloads.read(day(now - (days - 1) * dayLong), day(now)))
    for (const [version, count] of counts.get(name) ?? [])
      sums.set(version, (sums.get(version) ?? 0) + count);
  return sums;
}

async function advisoriesOf(
  citadel: Citadel,
  { name, versions }: PackageHistory,
): Promise<Map<string, string[]>> {
  const advisories = await citadel.advisories();
  const found = await advisories.find([[name, versions.map(({ version }) => version)]]);
  const by = new Map<string, string[]>();
  for (const { advisory, versions: affected } of found.get(name) ?? [])
    for (const version of affected) by.set(version, [...(by.get(version) ?? []), advisory.osv]);
  return by;
}
