import { iso, keyArg, scopeFlag, SecretsCommand } from "@citadel/core/secrets";
import { boolean } from "@oclif/core/flags";
import { graphOf } from "../../graph.ts";

const time = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms));

export default class SecretsVersions extends SecretsCommand {
  static override summary = "Show the versions of a secret, without their values";
  static override description =
    "Newest first: labels, who and when, where a value was restored from, and what became of it; as a table, or a picture. No value is opened.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password --graph",
    "<%= config.bin %> <%= command.id %> db/password -s production --json",
  ];
  static override args = { key: keyArg };
  static override flags = {
    scope: scopeFlag,
    graph: boolean({ exclusive: ["mermaid"], description: "a picture of the history" }),
    mermaid: boolean({ description: "a flowchart for Mermaid" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsVersions);
    const vault = await this.vault(flags);
    const found = await vault.versions({ name: args.key, scope: flags.scope });
    const { scope, name, items } = found;
    const shown = items.map(({ at, since, from, expires, ...item }) => ({
      ...item,
      at: iso(at),
      from: from ?? null,
      since: time(since),
      expires: time(expires),
    }));
    if (flags.graph || flags.mermaid) {
      const { drawMermaid, drawTree } = await import("@citadel/core/graph");
      const { unicode, out } = this.terminal;
      const { palette, tty, width } = out;
      const graph = graphOf(found, Date.now());
      if (flags.mermaid) this.out(drawMermaid(graph).join("\n\n"));
      else
        this.out(
          drawTree(graph, { width: tty ? width : undefined, unicode: unicode && tty, palette }),
        );
    } else
      await this.table(shown, [
        { name: "version", value: ({ version }) => version, importance: 0 },
        { name: "labels", value: ({ labels }) => labels.join(", "), importance: 0 },
        { name: "state", value: ({ state }) => state },
        { name: "from", value: ({ from }) => from ?? "" },
        { name: "at", value: ({ at }) => at },
        { name: "since", value: ({ since }) => since ?? "", importance: 2 },
        { name: "expires", value: ({ expires }) => expires ?? "", importance: 2 },
        { name: "by", value: ({ by }) => by, importance: 3 },
      ]);
    return { scope, name, items: shown };
  }
}
