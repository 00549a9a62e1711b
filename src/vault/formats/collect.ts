import type { Vault } from "../api.ts";
import type { Description } from "../meta.ts";
import type { Item } from "./item.ts";

/**
 * Secrets with their values, each on record as `export` before it is here.
 * @param versions all that can be read, not the current one alone
 */
export async function collectItems(
  vault: Vault,
  {
    scope,
    only,
    versions,
  }: {
    readonly scope?: string | undefined;
    readonly only?: readonly string[] | undefined;
    readonly versions: boolean;
  },
): Promise<Item[]> {
  const items: Item[] = [];
  for (const info of await vault.list(scope)) {
    const { name, state } = info;
    if (state !== "live" || (only && !only.includes(name))) continue;
    const which = { scope: info.scope, name };
    const values: Buffer[] = [];
    if (versions)
      for (const { version, state: now } of (await vault.versions(which)).items.toReversed())
        if (now === "live" && version <= info.version)
          values.push((await vault.get(which, { version, use: "export" })).value);
    if (!versions) values.push((await vault.get(which, { use: "export" })).value);
    const { type, description, tags, canary, expires } = info;
    const said: Description = {
      ...(type !== undefined && { type }),
      ...(description !== undefined && { description }),
      ...(tags.length > 0 && { tags }),
      ...(canary && { canary }),
      ...(expires !== undefined && { expires }),
    };
    items.push({ ...which, values, said });
  }
  return items;
}
