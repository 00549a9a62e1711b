// E1: graphs of real packages, read by Mermaid and d3-force themselves.
import { VersionManager } from "@citadel/plugin-version";
import { forceLink, forceSimulation, type SimulationNodeDatum } from "d3-force";
import { Window } from "happy-dom";
import { beforeAll, describe, expect, test } from "vitest";
import { newestOf, openCorpus, type Corpus } from "../support/corpus.ts";

const packages = newestOf.filter((name) => !/aws-sdk|types\/node|next|typescript/.test(name));

let corpus: Corpus;
let mermaid: { parse(text: string): Promise<unknown> };

beforeAll(async () => {
  corpus = await openCorpus();
  const window = new Window();
  // Mermaid looks for a page while it is loaded
  Object.assign(globalThis, { window, document: window.document });
  ({ default: mermaid } = await import("mermaid"));
}, 120_000);

describe("E1 graphs of real packages", () => {
  test.each(packages.slice(0, 20))("%s", { timeout: 60_000 }, async (name) => {
    const history = VersionManager.historyOfPackument((await corpus.packument(name)) as never);
    // all of them, where that is not minutes of Mermaid's work
    for (const limit of history.versions.length > 300 ? [30] : [30, Infinity]) {
      const graph = VersionManager.buildVersionGraph(history, { limit });
      for (const text of VersionManager.generateMermaid(graph)) {
        expect(text.length).toBeLessThan(50_000);
        expect(await mermaid.parse(text)).toMatchObject({
          diagramType: expect.stringMatching(/flow/),
        });
      }
      const nodes: (SimulationNodeDatum & { id: string })[] = graph.nodes.map(({ id }) => ({ id }));
      const links = graph.links.map((link) => ({ ...link }));
      expect(new Set(nodes.map(({ id }) => id)).size).toBe(nodes.length);
      // throws "node not found" for a link into nowhere
      forceSimulation(nodes)
        .stop()
        .force(
          "links",
          forceLink(links).id((node) => (node as { id: string }).id),
        );
      const order = new Map(nodes.map(({ id }, i) => [id, i]));
      for (const { source, target } of graph.links)
        expect(order.get(source)).toBeLessThan(order.get(target) ?? -1);
      expect(graph.nodes.filter(({ status }) => status === "current")).toHaveLength(1);
    }
  });

  test("what somebody publishes cannot become a statement", async () => {
    const evil = 'end"] --> x; click n0 "javascript:alert(1)" `<script>` #quot; %%{init}%%';
    const history = VersionManager.historyOfPackument({
      name: evil,
      "dist-tags": { latest: "1.0.0", [evil]: "1.0.0", "-->oX": "1.0.0" },
      versions: { "1.0.0": { _npmUser: { name: evil } } },
    });
    const [text = ""] = VersionManager.generateMermaid(VersionManager.buildVersionGraph(history));
    await mermaid.parse(text);
    expect(text).not.toMatch(/^\s*click/m);
    expect(text).not.toContain("<script");
    await expect(mermaid.parse('flowchart LR\n n0["a"][[Archived]]')).rejects.toThrow(
      /Parse error/,
    );
  });
});
