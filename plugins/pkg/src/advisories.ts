import type { Citadel } from "@citadel/core";
import type { Match } from "@citadel/core/advisories";
import type { PackageDocuments } from "./documents.ts";

/** What is known against the version now, which is never kept. */
export async function advisoriesOf(
  citadel: Citadel,
  { name, version }: PackageDocuments,
): Promise<readonly Match[]> {
  const advisories = await citadel.advisories();
  return (await advisories.find([[name, [version]]])).get(name) ?? [];
}
