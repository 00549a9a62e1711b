import { drawMermaid, drawTree, type DrawnNode, type TreeOptions } from "@citadel/core/graph";
import type { VersionGraph, VersionNode } from "./graph.ts";

/** The graph as a tree of text, the newest branch and version first: a line each, without an end. */
export const generateAsciiGraph = (graph: VersionGraph, options: TreeOptions = {}): string =>
  drawTree({ ...shown(graph), nodes: graph.nodes.map((node) => nodeOf(node, "in full")) }, options);

/**
 * The graph as flowcharts that Mermaid accepts. One for what fits into one; else one for each branch, and more for a long branch.
 */
export const generateMermaid = (graph: VersionGraph): string[] =>
  drawMermaid({ ...shown(graph), nodes: graph.nodes.map((node) => nodeOf(node, "in short")) });

function shown({ package: title, nodes, links, total, omitted }: VersionGraph) {
  const current = nodes.find(({ status }) => status === "current")?.id;
  const head = current === undefined ? "nothing is latest" : `latest ${current}`;
  const count = omitted > 0 ? `${nodes.length} of ${total} versions` : `${nodes.length} versions`;
  return { title, links, summary: `${head}, ${nodes.length === 1 ? "1 version" : count}` };
}

function nodeOf(node: VersionNode, how: "in full" | "in short"): DrawnNode {
  const { id, status, tags, date, author, line, deprecated, advisories } = node;
  const why = how === "in full" ? `deprecated: ${deprecated}` : "deprecated";
  const known = advisories.length === 0 ? [] : [advisories.join(how === "in full" ? ", " : " ")];
  const old = deprecated === null ? [] : [why];
  const remarks = how === "in full" ? [...known, ...old] : [...old, ...known];
  return { id, status, tags, date, author, line, remarks };
}
