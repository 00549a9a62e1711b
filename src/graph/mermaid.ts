import { clean } from "../terminal/text.ts";
import type { DrawnGraph, DrawnNode } from "./types.ts";

/** Mermaid refuses 500 edges and 50,000 characters; a diagram of ours stays well below. */
const mostNodes = 120;
const longestLabel = 60;

/**
 * The graph as flowcharts that Mermaid accepts. One for what fits into one; else one for each branch, and more for a long branch.
 * Ids are never names, labels always quoted: nothing that somebody published can be read as a statement.
 */
export function drawMermaid(graph: DrawnGraph): string[] {
  if (graph.nodes.length <= mostNodes) return [flowchart(graph, graph.nodes)];
  return [...Map.groupBy(graph.nodes, ({ line }) => line).values()].flatMap((nodes) =>
    Array.from({ length: Math.ceil(nodes.length / mostNodes) }, (_, i) =>
      flowchart(graph, nodes.slice(i * mostNodes, (i + 1) * mostNodes)),
    ),
  );
}

function flowchart(graph: DrawnGraph, nodes: readonly DrawnNode[]): string {
  const ids = new Map(nodes.map(({ id }, i) => [id, `n${i}`]));
  const lines = [...Map.groupBy(nodes, ({ line }) => line)];
  const tags = nodes.flatMap(({ id, tags }) => tags.map((tag) => ({ id, tag })));
  return [
    "flowchart LR",
    ...lines.flatMap(([line, members], g) => [
      `  subgraph g${g}["${label(`${graph.title} ${line}`.trimEnd())}"]`,
      ...members.map((node) => `    ${ids.get(node.id)}${shape(node)}:::${node.status}`),
      "  end",
    ]),
    ...graph.links.flatMap(({ source, target, type }) => {
      const [from, to] = [ids.get(source), ids.get(target)];
      return from && to ? [`  ${from} -->|${type}| ${to}`] : [];
    }),
    ...tags.flatMap(({ id, tag }, t) => [
      `  t${t}(["${label(tag)}"]):::tag`,
      `  t${t} -.-> ${ids.get(id)}`,
    ]),
    "  classDef current fill:#d3f9d8,stroke:#2b8a3e,color:#000,stroke-width:3px",
    "  classDef rollback fill:#d0ebff,stroke:#1864ab,color:#000",
    "  classDef ahead fill:#fff3bf,stroke:#e67700,color:#000",
    "  classDef archived fill:#f1f3f5,stroke:#868e96,color:#000",
    "  classDef removed fill:#fff,stroke:#868e96,color:#000,stroke-dasharray:4",
    "  classDef tag fill:#fff,stroke:#343a40,color:#000",
  ].join("\n");
}

function shape({ id, status, said, date, author, remarks }: DrawnNode): string {
  const parts = [
    `${id} ${said ?? status}`,
    [date?.slice(0, 10), author].filter(Boolean).join(" "),
    ...remarks,
  ];
  const text = parts.filter(Boolean).map(label).join("<br/>");
  if (status === "rollback") return `("${text}")`;
  if (status === "archived" || status === "removed") return `[["${text}"]]`;
  return `["${text}"]`;
}

const entities: Readonly<Record<string, string>> = {
  '"': "quot",
  "#": "35",
  "&": "amp",
  "<": "lt",
  ">": "gt",
  "`": "96",
};

/** Foreign text for a quoted label. */
const label = (text: string): string =>
  clean(text)
    .slice(0, longestLabel)
    .toWellFormed()
    .replace(/["#&<>`]/g, (one) => `#${entities[one]};`);
