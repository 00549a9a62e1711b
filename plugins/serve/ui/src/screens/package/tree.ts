import type {
  DependencyItem,
  DependencyList,
} from "../../../../src/dashboard/packages/dependencies.ts";
import { ask } from "../../api.ts";
import { versionApi } from "./place.ts";

/** versions that are drawn, and steps away from the one that is looked at */
const most = 60;
const deepest = 3;

export interface GraphNode {
  readonly id: string;
  /** of the package */
  readonly name: string;
  /** undefined where none is known or fits */
  readonly version: string | undefined;
  readonly depth: number;
  readonly tone: "plain" | "warn" | "bad";
  /** what is wrong with it, in words */
  readonly marks: readonly string[];
}
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly links: readonly { readonly from: string; readonly to: string }[];
  /** packages that there was no room for */
  readonly left: number;
}

/**
 * What a version brings with it, as npm would resolve it now: level by level, each package once.
 * @param first what it needs itself, as its page lists it
 */
export async function graphOf(
  root: { readonly name: string; readonly version: string },
  first: readonly DependencyItem[],
  signal: AbortSignal,
): Promise<Graph> {
  const start = `${root.name}@${root.version}`;
  const nodes = new Map<string, GraphNode>([
    [start, { ...root, id: start, depth: 0, tone: "plain", marks: [] }],
  ]);
  const links: { from: string; to: string }[] = [];
  const left = new Set<string>();
  let level: readonly (readonly [from: string, items: readonly DependencyItem[]])[] = [
    [start, first],
  ];
  for (let depth = 1; level.length > 0; depth++) {
    const found: GraphNode[] = [];
    for (const [from, items] of level)
      for (const item of items.filter(({ kind }) => kind !== "devDependencies")) {
        const node = nodeOf(item, depth);
        if (!nodes.has(node.id) && nodes.size > most) {
          left.add(node.id);
          continue;
        }
        if (!nodes.has(node.id)) {
          nodes.set(node.id, node);
          found.push(node);
        }
        links.push({ from, to: node.id });
      }
    if (depth === deepest) break;
    level = await Promise.all(
      found.map(async (node) => [node.id, await needsOf(node, signal)] as const),
    );
  }
  return { nodes: [...nodes.values()], links, left: left.size };
}

const reasons: Readonly<Record<DependencyItem["state"], string>> = {
  found: "no version fits",
  missing: "not known here",
  late: "not answered yet",
  address: "not from a registry",
};

function nodeOf(item: DependencyItem, depth: number): GraphNode {
  const { package: name, resolved, state, range, outdated, deprecated, advisories } = item;
  const version = state === "found" ? (resolved ?? undefined) : undefined;
  if (version === undefined) {
    const marks = [reasons[state]];
    return { id: `${name} ${range}`, name, version, depth, tone: "plain", marks };
  }
  const marks = [
    ...(advisories.length > 0 ? ["vulnerable"] : []),
    ...(deprecated ? ["deprecated"] : []),
    ...(outdated ? ["outdated"] : []),
  ];
  const tone = advisories.length > 0 ? "bad" : marks.length > 0 ? "warn" : "plain";
  return { id: `${name}@${version}`, name, version, depth, tone, marks };
}

async function needsOf(
  { name, version }: GraphNode,
  signal: AbortSignal,
): Promise<readonly DependencyItem[]> {
  if (version === undefined) return [];
  const { items } = await ask<DependencyList>(versionApi(name, version, "/dependencies"), {
    signal,
  });
  return items;
}
