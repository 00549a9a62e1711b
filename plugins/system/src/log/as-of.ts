import { CitadelError } from "@citadel/core/errors";
import type { Registry } from "@citadel/core/registry";

type Packages = Registry["packages"];

/** A package as it was. Times are ISO 8601. */
export interface PastPackage {
  readonly name: string;
  readonly owners: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly versions: readonly {
    readonly version: string;
    readonly published: string;
    readonly by: string;
    readonly integrity: string;
    readonly size: number;
    readonly deprecated?: string;
  }[];
}

/** @param time ms since 1970 @throws E_PACKAGE_NOT_FOUND when it was not there then, E_HISTORY */
export async function packageAsOf(
  packages: Packages,
  name: string,
  time: number,
): Promise<PastPackage> {
  const found = await packageThen(packages, name, time);
  if (found) return found;
  throw new CitadelError(
    "E_PACKAGE_NOT_FOUND",
    `there was no package ${name} at ${new Date(time).toISOString()}`,
    { hint: [`see what became of it: citadel log --package ${name}`] },
  );
}

/** All packages that there were, by name. */
export async function* packagesAsOf(
  packages: Packages,
  time: number,
  after?: string,
): AsyncGenerator<PastPackage, void, void> {
  let from = after;
  do {
    const page = await packages.list(from === undefined ? {} : { after: from });
    for (const { name } of page.items) {
      const found = await packageThen(packages, name, time);
      if (found) yield found;
    }
    from = page.next;
  } while (from !== undefined);
}

async function packageThen(
  packages: Packages,
  name: string,
  time: number,
): Promise<PastPackage | undefined> {
  const state = await packages.asOf(name, time);
  if (!state || state.versions.size === 0) return undefined;
  return {
    name,
    owners: state.owners,
    tags: Object.fromEntries(state.tags),
    versions: Array.from(state.versions, ([version, record]) => ({
      version,
      published: new Date(record.time).toISOString(),
      by: record.by,
      integrity: record.integrity,
      size: record.size,
      ...(record.deprecated !== undefined && { deprecated: record.deprecated }),
    })),
  };
}
