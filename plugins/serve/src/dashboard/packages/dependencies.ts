import { setTimeout as wait } from "node:timers/promises";
import { createTurns } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { needsOf, type Dependent, type Need, type NeedKind } from "@citadel/core/catalog";
import { versionFor, type Choices } from "@citadel/core/registry";
import gt from "semver/functions/gt.js";
import { callerOf } from "../../context.ts";
import { orElsewhere } from "../../npm/elsewhere.ts";
import { param, type Handler, type Visit } from "../../npm/room.ts";
import { demandReadable, locate } from "./located.ts";
import { advisoryItem, type AdvisoryItem } from "./version.ts";

/** packages that are looked up, and at once; ms that they have */
const most = 300;
const atOnce = 8;
const patience = 1500;

interface Resolved {
  readonly resolved: string | null;
  readonly latest: string | null;
  readonly deprecated: boolean;
}
interface Item extends Resolved {
  /** the name in package.json */
  readonly name: string;
  /** the name of the package, where it is called otherwise here */
  readonly package: string;
  readonly range: string;
  readonly kind: NeedKind;
  /** `found`, `missing` for what nobody here has or may read, `late` for what has not answered yet, `address` for no registry at all */
  readonly state: "found" | "missing" | "late" | "address";
}

/** A package that a version needs. */
export interface DependencyItem extends Item {
  /** there is a newer one than npm would take */
  readonly outdated: boolean;
  readonly advisories: readonly AdvisoryItem[];
}
export interface DependencyList {
  readonly total: number;
  readonly items: readonly DependencyItem[];
}
export interface DependentList {
  readonly total: number;
  readonly items: readonly Dependent[];
}

const unknown: Resolved = { resolved: null, latest: null, deprecated: false };

/** `GET …/at/<spec>/dependencies`: what a version needs, and what npm would take for it now. */
export const getDependencies: Handler = async (c) => {
  const { manifest } = await locate(c.env, param(c, "name"), param(c, "spec"));
  const needs = needsOf(manifest);
  const items = await resolveAll(c.env, needs.slice(0, most));
  const wanted = Map.groupBy(
    items.filter(({ resolved }) => resolved !== null),
    (item) => item.package,
  );
  const advisories = await (
    await c.env.shared.citadel.advisories()
  ).find(Array.from(wanted, ([name, some]) => [name, some.map(({ resolved }) => resolved ?? "")]));
  return c.json({
    total: needs.length,
    items: items.map((item) => ({
      ...item,
      outdated: isOlder(item),
      advisories: (advisories.get(item.package) ?? [])
        .filter(({ versions }) => versions.includes(item.resolved ?? ""))
        .map(advisoryItem),
    })),
  } satisfies DependencyList);
};

/** `GET …/dependents`: packages of this registry whose newest version needs this one. */
export const getDependents: Handler = async (c) => {
  const { shared, asked } = c.env;
  const name = param(c, "name");
  const caller = await callerOf(shared, asked);
  await demandReadable(shared, name, caller);
  const [catalog, policy] = await Promise.all([
    shared.citadel.current(),
    shared.citadel.access.policy(),
  ]);
  const viewer = { principal: caller.principal, policy };
  return c.json(catalog.dependents(name, { limit: most, viewer }) satisfies DependentList);
};

async function resolveAll(visit: Visit, needs: readonly Need[]): Promise<Item[]> {
  const caller = await callerOf(visit.shared, visit.asked);
  const turn = createTurns(atOnce);
  const late = wait(patience, "late" as const, { ref: false });
  return Promise.all(
    needs.map(async ({ name, range, kind }): Promise<Item> => {
      const target = targetOf(name, range);
      const item = { name, range, kind, package: target?.name ?? name };
      if (!target) return { ...item, ...unknown, state: "address" };
      const looking = turn(() => look(visit, caller, target, kind)).catch(() => undefined);
      const found = await Promise.race([looking, late]);
      if (found === "late") return { ...item, ...unknown, state: "late" };
      return found
        ? { ...item, ...found, state: "found" }
        : { ...item, ...unknown, state: "missing" };
    }),
  );
}

async function look(
  { shared, site }: Visit,
  caller: Caller,
  { name, range }: { readonly name: string; readonly range: string },
  kind: NeedKind,
): Promise<Resolved> {
  const { registry, upstream } = shared.citadel;
  // nobody installs what a package of somebody else is developed with
  const other = kind === "devDependencies" ? undefined : upstream;
  const choices: Choices = await orElsewhere<Choices>(
    registry.document(name, caller, { hot: true }).then(({ state }) => state),
    other && (() => other.releases(name, "short", site.base, caller)),
  );
  const resolved = (await versionFor(choices, range)) ?? null;
  const deprecated = choices.versions.get(resolved ?? "")?.deprecated !== undefined;
  return { resolved, latest: choices.tags.get("latest") ?? null, deprecated };
}

/** Undefined for an address, a folder, or anything else that is in no registry. */
function targetOf(name: string, range: string): { name: string; range: string } | undefined {
  const alias = /^npm:((?:@[^/@]+\/)?[^/@]+)(?:@(.*))?$/.exec(range);
  if (alias) return { name: alias[1] ?? name, range: alias[2] ?? "" };
  return /[:/]/.test(range) ? undefined : { name, range };
}

const isOlder = ({ resolved, latest }: Resolved): boolean =>
  resolved !== null && latest !== null && gt(latest, resolved, { loose: true });
