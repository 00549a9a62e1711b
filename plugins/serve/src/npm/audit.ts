import { severities, type Advisory, type Match } from "@citadel/core/advisories";
import { CitadelError } from "@citadel/core";
import { readJson } from "../http/body.ts";
import type { Handler } from "./room.ts";
import { isObject } from "./upload.ts";

const largest = 8 * 2 ** 20;
/** packages of one tree */
const most = 100_000;
/** names of a path that are shown; what is further from the package is left out */
const longestPath = 64;

/**
 * `POST /-/npm/v1/security/audits[/quick]`: the tree of a lockfile, as npm 6 and yarn 1 send it. Answered in their form where
 * there are advisories; else as retired, as everywhere.
 */
export const treeAudit: Handler = async (c) => {
  const body = await readJson(c.req.raw, largest);
  const advisories = await c.env.shared.citadel.advisories();
  if ((await advisories.summary()).changed === undefined)
    return c.json(
      { error: "this form of audit is retired; update npm and run npm audit again" },
      410,
    );
  if (!isObject(body)) throw invalid("the tree of a lockfile was expected");
  const nodes = nodesOf(body);
  const versions = new Map<string, Set<string>>();
  for (const { name, version } of nodes)
    versions.set(name, (versions.get(name) ?? new Set()).add(version));
  return c.json(report(nodes, await advisories.find(versions)));
};

/** A package in the tree. */
interface Node {
  readonly name: string;
  readonly version: string;
  readonly dev: boolean;
  readonly optional: boolean;
  readonly bundled: boolean;
  readonly requires: readonly string[];
  /** below whose node_modules it lies; undefined: at the top */
  readonly parent: Node | undefined;
  readonly children: Map<string, Node>;
  /** who needs it, on the shortest way from the root */
  by?: Node | "root";
}

/** Every package of the tree, each with the shortest way to it. @throws E_INVALID_DOCUMENT, E_TOO_LARGE */
function nodesOf(body: Record<string, unknown>): Node[] {
  const nodes: Node[] = [];
  const fill = (children: Map<string, Node>, value: unknown, parent: Node | undefined): void => {
    if (value === undefined) return;
    if (!isObject(value)) throw invalid("dependencies are an object");
    for (const [name, item] of Object.entries(value)) {
      if (!isObject(item)) throw invalid("a dependency is an object");
      if (nodes.length >= most)
        throw new CitadelError("E_TOO_LARGE", `a tree has at most ${most} packages`);
      const node: Node = { ...facts(name, item), parent, children: new Map() };
      nodes.push(node);
      children.set(name, node);
      fill(node.children, item["dependencies"], node);
    }
  };
  const top = new Map<string, Node>();
  fill(top, body["dependencies"], undefined);
  walk(isObject(body["requires"]) ? Object.keys(body["requires"]) : [...top.keys()], top);
  return nodes;
}

const invalid = (message: string): CitadelError => new CitadelError("E_INVALID_DOCUMENT", message);

const facts = (name: string, item: Record<string, unknown>) => ({
  name,
  version: typeof item["version"] === "string" ? item["version"] : "",
  dev: item["dev"] === true,
  optional: item["optional"] === true,
  bundled: item["bundled"] === true,
  requires: isObject(item["requires"]) ? Object.keys(item["requires"]) : [],
});

/** From the root, breadth first: whoever is met first was met by the shortest way. */
function walk(roots: readonly string[], top: ReadonlyMap<string, Node>): void {
  const queue: Node[] = [];
  const meet = (node: Node | undefined, by: Node | "root"): void => {
    if (!node || node.by) return;
    node.by = by;
    queue.push(node);
  };
  for (const name of roots) meet(top.get(name), "root");
  for (const node of queue) for (const name of node.requires) meet(resolve(node, name, top), node);
}

/** As Node finds a module: below the package itself, then upwards. */
function resolve(from: Node, name: string, top: ReadonlyMap<string, Node>): Node | undefined {
  for (let at: Node | undefined = from; at; at = at.parent) {
    const found = at.children.get(name);
    if (found) return found;
  }
  return top.get(name);
}

/** `a>b>c`; of a package that nobody needs, where it lies. */
function pathText(node: Node): string {
  const names: string[] = [];
  let at: Node | "root" | undefined = node;
  while (at && at !== "root" && names.length < longestPath) {
    names.unshift(at.name);
    at = at.by ?? at.parent;
  }
  return names.join(">");
}

/** The answer in the form of npm 6. */
function report(nodes: readonly Node[], found: ReadonlyMap<string, readonly Match[]>): object {
  const counts: Record<string, number> = Object.fromEntries(severities.map((one) => [one, 0]));
  const advisories: Record<string, object> = {};
  const actions: object[] = [];
  const named = Map.groupBy(nodes, ({ name }) => name);
  for (const [name, matches] of found) {
    const resolves: object[] = [];
    for (const { advisory, versions } of matches) {
      const hit = (named.get(name) ?? []).filter(({ version }) => versions.includes(version));
      counts[advisory.severity] = (counts[advisory.severity] ?? 0) + hit.length;
      advisories[advisory.id] = describe(advisory, hit);
      for (const node of hit) {
        const { dev, optional, bundled } = node;
        resolves.push({ id: advisory.id, path: pathText(node), dev, optional, bundled });
      }
    }
    actions.push({ action: "review", module: name, resolves });
  }
  const count = (which: (node: Node) => boolean): number => nodes.filter(which).length;
  return {
    actions,
    advisories,
    muted: [],
    metadata: {
      vulnerabilities: counts,
      dependencies: count(({ dev, optional }) => !dev && !optional),
      devDependencies: count(({ dev }) => dev),
      optionalDependencies: count(({ optional }) => optional),
      totalDependencies: nodes.length,
    },
  };
}

function describe(advisory: Advisory, hit: readonly Node[]): object {
  const { id, name, title, url, severity, cves, cwe, published, modified } = advisory;
  const byVersion = Map.groupBy(hit, ({ version }) => version);
  return {
    findings: Array.from(byVersion, ([version, group]) => ({
      version,
      paths: group.map(pathText),
      dev: group.every(({ dev }) => dev),
      optional: group.every(({ optional }) => optional),
      bundled: group.every(({ bundled }) => bundled),
    })),
    id,
    created: published ?? modified,
    updated: modified,
    deleted: null,
    title,
    found_by: { name: "" },
    reported_by: { name: "" },
    module_name: name,
    cves,
    vulnerable_versions: advisory.vulnerable,
    patched_versions: advisory.patched,
    overview: title,
    recommendation:
      advisory.patched === "<0.0.0" ? "There is no fix yet" : `Upgrade to ${advisory.patched}`,
    references: url,
    access: "public",
    severity,
    cwe: cwe[0] ?? "",
    metadata: { module_type: "", exploitability: 0, affected_components: "" },
    url,
  };
}
