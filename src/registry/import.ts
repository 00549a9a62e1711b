import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import type { Keys } from "../keys/keys.ts";
import type { Store } from "../store/types.ts";
import { actorOf } from "./context.ts";
import { scopeKind } from "./kind.ts";
import { scopeOf } from "./names.ts";
import { signAll } from "./sign.ts";
import type {
  PackageDocument,
  PackageEvent,
  PackageImport,
  PackageState,
  Registry,
} from "./types.ts";

/** A package that comes from elsewhere, as the ledger will record it. What it refers to must be stored already. */
export interface Arrival extends PackageImport {
  readonly name: string;
  /** who claimed the package's scope there */
  readonly scopeOwner?: string;
  /** it is an organisation */
  readonly scopeOrg?: true;
}

/** conflicts that an error names at most */
const shown = 20;

/** What of a package is not yet here; conflicts name versions that cannot come. */
export function missingFrom(
  state: PackageState | undefined,
  { name, scopeOwner: _, scopeOrg: _org, ...all }: Arrival,
): { readonly event: PackageImport; readonly conflicts: readonly string[] } {
  const conflicts: string[] = [];
  const versions = all.versions.filter(([version, { integrity }]) => {
    const here = state?.versions.get(version);
    if (here ? here.integrity !== integrity : state?.removed.has(version))
      conflicts.push(`${name}@${version}${here ? "" : " (unpublished)"}`);
    return !here;
  });
  const added = new Set(versions.map(([version]) => version));
  const removed = all.removed.filter(
    ([version]) => !state?.versions.has(version) && !state?.removed.has(version),
  );
  const tags = all.tags.filter(([tag, version]) => !state?.tags.has(tag) && added.has(version));
  return { event: { ...all, versions, removed, tags }, conflicts };
}

/** Would the import change nothing? */
export const nothingIn = ({ versions, removed }: PackageImport): boolean =>
  versions.length + removed.length === 0;

/** The parts of an open registry that an import works with. */
export interface ImportPlace {
  readonly store: Store;
  readonly registry: Pick<Registry, "packages">;
  readonly keys: Pick<Keys, "signVersion">;
}

/**
 * Adds what of a package is not here, signed by this registry. What is here stays as it is, except that a tag follows to a version that arrives
 * when `moveTags` is set, as it does when that version is published.
 * @throws E_VERSION_EXISTS with `conflicts`, E_FORBIDDEN for anybody but an administrator; then nothing was added
 */
export async function importPackage(
  { store, registry, keys }: ImportPlace,
  arrival: Arrival,
  caller: Caller,
  { moveTags = false }: { readonly moveTags?: boolean } = {},
): Promise<PackageDocument | undefined> {
  const { principal } = caller;
  if (!principal.admin || principal.grant?.manage === false)
    throw new CitadelError("E_FORBIDDEN", "only an administrator imports packages");
  const { name, scopeOwner, scopeOrg, owners } = arrival;
  const scope = scopeOf(name);
  const who = actorOf(caller);
  const before = (await registry.packages.read(name))?.state;
  if (scope !== undefined && !before) {
    const owner = scopeOwner ?? owners[0] ?? principal.name;
    const founder = scopeOrg && { founder: principal.name };
    await store
      .ledger(scopeKind())
      .change(scope, who, (state) => (state ? [] : [{ type: "claim", owner, ...founder }]));
  }
  const wanted = missingFrom(before, arrival).event.versions;
  const signed = new Map(await signAll(keys, name, wanted));
  return registry.packages.change(name, who, (state): PackageEvent[] => {
    const { event, conflicts } = missingFrom(state, arrival);
    if (conflicts.length > 0) throw versionsDiffer(conflicts);
    if (state && nothingIn(event)) return [];
    const added = new Set(event.versions.map(([version]) => version));
    const moved = arrival.tags.filter(
      ([tag, version]) => state?.tags.has(tag) && added.has(version),
    );
    const follow = moveTags
      ? moved.map(([tag, version]) => ({ type: "tag", tag, version }) as const)
      : [];
    const versions = event.versions.map(([id, record]) => [id, signed.get(id) ?? record] as const);
    return [{ ...event, versions }, ...follow];
  });
}

/** @param conflicts `name@version`, with what is wrong where it is not the content */
export function versionsDiffer(conflicts: readonly string[]): CitadelError {
  const more = conflicts.length > shown ? `, and ${conflicts.length - shown} more` : "";
  const error = new CitadelError(
    "E_VERSION_EXISTS",
    `${conflicts.length} versions are here with other content: ${conflicts.slice(0, shown).join(", ")}${more}`,
    { hint: ["nothing was added; import into another store: --store <url>"] },
  );
  return Object.assign(error, { conflicts });
}
