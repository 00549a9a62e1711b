import { may } from "../access/may.ts";
import { CitadelError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { demand, targetOf, unreadable, type Context } from "./context.ts";
import { checkName } from "./names.ts";
import { uuidOf } from "./revision.ts";
import type { JsonObject, PackageState, Registry } from "./types.ts";

/** versions that a hint names at most */
const proposals = 5;
/** characters of a range */
const longestRange = 1024;

const plain = /^[\w@/.~-]{1,214}$/;

/** See {@link Registry.document} and {@link Registry.resolve}. */
export function resolver(
  context: Context,
): Pick<Registry, "document" | "known" | "permit" | "resolve"> {
  // an exact version or a tag needs no ranges
  let ranges: ReturnType<typeof loadRanges> | undefined;
  const document: Registry["document"] = async (name, caller, { hot = false } = {}) => {
    // only what is not plainly a name is worth the look of the long list of rules
    if (!plain.test(name)) checkName(name);
    const { packages } = context;
    const [seen, policy] = await Promise.all([
      hot ? packages.glance(name) : packages.read(name),
      context.policy(),
    ]);
    let found = seen;
    // what is to be denied is looked at once more where the first look may have been an old one
    if (hot && found?.state.versions.size === 0) found = await packages.read(name);
    if (!found || found.state.versions.size === 0)
      throw unreadable(policy, caller.principal, checkName(name));
    demand(policy, caller, "read", name, found.state);
    return found;
  };

  return {
    document,

    async known(name, caller) {
      const [found, policy] = await Promise.all([context.packages.read(name), context.policy()]);
      const { principal } = caller;
      return found && may(principal, "read", targetOf(principal, name, found.state), policy)
        ? found
        : undefined;
    },

    async permit(name, action, caller) {
      const found = await document(name, caller);
      demand(await context.policy(), caller, action, name, found.state);
      return found;
    },

    async resolve(name, spec, caller) {
      const { state } = await document(name, caller);
      const version = await versionFor(state, spec.trim(), () => (ranges ??= loadRanges()));
      const record = version === undefined ? undefined : state.versions.get(version);
      if (version === undefined || !record) throw versionNotFound(state, spec);
      const bytes = await context.store.manifests.get(record.manifest);
      if (!bytes)
        throw new CitadelError(
          "E_INTEGRITY",
          `the manifest of ${name}@${version} (${record.manifest}) is missing from the store`,
        );
      return {
        name,
        version,
        record,
        uuid: uuidOf(name, version, record.manifest),
        tags: Array.from(state.tags)
          .filter(([, target]) => target === version)
          .map(([tag]) => tag),
        manifest: JSON.parse(Buffer.from(bytes).toString()) as JsonObject,
      };
    },
  };
}

/** Versions to choose from. */
export interface Choices {
  readonly versions: ReadonlyMap<string, { readonly deprecated?: string }>;
  readonly tags: ReadonlyMap<string, string>;
}

async function loadRanges() {
  const [{ default: Range }, { default: rcompare }] = await Promise.all([
    import("semver/classes/range.js"),
    import("semver/functions/rcompare.js"),
  ]);
  return { Range, rcompare };
}

/**
 * The version that npm would take: an exact one, what a tag points to, or of a range the one tagged `latest` when it fits, else
 * the highest that is not deprecated, else the highest.
 */
export async function versionFor(
  state: Choices,
  spec: string,
  load: () => ReturnType<typeof loadRanges> = loadRanges,
): Promise<string | undefined> {
  if (state.versions.has(spec)) return spec;
  const tagged = state.tags.get(spec === "" ? "latest" : spec);
  if (tagged !== undefined) return tagged;
  if (spec.length > longestRange) return undefined;
  const { Range, rcompare } = await load();
  let range: InstanceType<typeof Range>;
  try {
    range = new Range(spec);
  } catch {
    return undefined;
  }
  const latest = state.tags.get("latest");
  if (latest !== undefined && range.test(latest)) return latest;
  const fitting = [...state.versions.keys()].filter((v) => range.test(v)).toSorted(rcompare);
  return fitting.find((v) => state.versions.get(v)?.deprecated === undefined) ?? fitting[0];
}

/** Names what there is instead: the numbers most alike, else the newest published. */
export function versionNotFound(
  state: Choices & Pick<PackageState, "name"> & Partial<Pick<PackageState, "removed">>,
  spec: string,
): CitadelError {
  const { name, versions, tags, removed } = state;
  if (removed?.has(spec))
    return new CitadelError("E_VERSION_NOT_FOUND", `${name}@${spec} was unpublished`);
  const alike = nearest(spec, [...versions.keys(), ...tags.keys()]);
  const shown = alike.length > 0 ? alike : [...versions.keys()].slice(-proposals).toReversed();
  return new CitadelError(
    "E_VERSION_NOT_FOUND",
    `${name} has no version ${JSON.stringify(spec.slice(0, 80))}`,
    {
      hint: [
        shown.length === 0 ? `${name} has no versions left` : `there is ${shown.join(", ")}`,
        ...(tags.size > 0
          ? [
              `tags: ${Array.from(tags, ([t, v]) => `${t} (${v})`)
                .slice(0, proposals)
                .join(", ")}`,
            ]
          : []),
      ],
    },
  );
}
