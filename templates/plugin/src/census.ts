import type { Registry } from "@citadel/core/registry";

/** How many packages and versions each scope has. */
export interface Census {
  readonly packages: number;
  readonly items: readonly {
    readonly scope: string;
    readonly packages: number;
    readonly versions: number;
  }[];
}

/** Counts what the registry holds. @param least leaves out scopes with fewer packages */
export async function takeCensus(
  { packages }: Pick<Registry, "packages">,
  least: number,
): Promise<Census> {
  const scopes = new Map<string, { packages: number; versions: number }>();
  let all = 0;
  let after: string | undefined;
  do {
    const page = await packages.list(after === undefined ? {} : { after });
    for (const { name } of page.items) {
      const versions = (await packages.read(name))?.state.versions.size ?? 0;
      if (versions === 0) continue;
      const scope = name.startsWith("@") ? (name.split("/")[0] ?? "") : "";
      const sum = scopes.get(scope) ?? { packages: 0, versions: 0 };
      scopes.set(scope, { packages: sum.packages + 1, versions: sum.versions + versions });
      all++;
    }
    after = page.next;
  } while (after !== undefined);
  const items = [...scopes]
    .map(([scope, sum]) => ({ scope, ...sum }))
    .filter((item) => item.packages >= least)
    .sort((a, b) => b.packages - a.packages);
  return { packages: all, items };
}
