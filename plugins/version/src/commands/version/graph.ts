import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { boolean, integer } from "@oclif/core/flags";
import type { VersionGraph } from "../../graph.ts";

const forms = ["ascii", "mermaid", "json"] as const;
type Form = (typeof forms)[number];

export default class VersionGraphCommand extends CitadelCommand {
  static override summary = "Draw the versions of a package";
  static override description =
    "Which version is current, which are ready for a rollback, which are archived, with tags, dates and authors; also of a package behind this registry. The newest 30 and all that have a tag, unless --limit or --all say otherwise. Several Mermaid diagrams, one a branch, come as Markdown. docs/versions.md has the JSON fields.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui",
    "<%= config.bin %> <%= command.id %> @acme/ui --mermaid > versions.mmd",
    "<%= config.bin %> <%= command.id %> @acme/ui json --all",
  ];
  static override args = {
    package: text({ required: true, description: "name with scope" }),
    form: text({ description: "ascii, mermaid or json: the same as the flags" }),
  };
  static override flags = {
    ascii: boolean({ exclusive: ["mermaid"], description: "a tree of plain ASCII characters" }),
    mermaid: boolean({ description: "a flowchart for Mermaid" }),
    limit: integer({ min: 1, exclusive: ["all"], description: "newest versions to show" }),
    all: boolean({ description: "every version" }),
  };

  async run(): Promise<VersionGraph> {
    const { args, flags } = await this.parse(VersionGraphCommand);
    const form = await formOf(args.form, flags);
    const { readGraph } = await import("../../read-graph.ts");
    const limit = flags.all ? Infinity : flags.limit;
    const graph = await readGraph(await this.citadel(), args.package, commandLine, {
      ...(limit !== undefined && { limit }),
    });
    if (form === "json") this.out(JSON.stringify(graph, null, 2));
    else if (form === "mermaid") await this.#mermaid(graph);
    else await this.#tree(graph, form === "ascii");
    return graph;
  }

  async #mermaid(graph: VersionGraph): Promise<void> {
    const { generateMermaid } = await import("../../draw.ts");
    const diagrams = generateMermaid(graph);
    const [only] = diagrams;
    if (diagrams.length === 1 && only !== undefined) return this.out(only);
    this.out(diagrams.map((one) => `\`\`\`mermaid\n${one}\n\`\`\``).join("\n\n"));
  }

  async #tree(graph: VersionGraph, plain: boolean): Promise<void> {
    const { generateAsciiGraph } = await import("../../draw.ts");
    const { out, unicode } = this.terminal;
    this.out(
      generateAsciiGraph(graph, {
        width: out.tty ? out.width : undefined,
        unicode: unicode && out.tty && !plain,
        palette: out.palette,
      }),
    );
    if (graph.omitted > 0) this.next(`citadel version:graph ${graph.package} --all`);
  }
}

/** @throws E_USAGE */
async function formOf(
  word: string | undefined,
  flags: { readonly ascii: boolean; readonly mermaid: boolean },
): Promise<Form | undefined> {
  const flag = flags.mermaid ? "mermaid" : flags.ascii ? "ascii" : undefined;
  if (word === undefined) return flag;
  const form = forms.find((one) => one === word);
  if (form !== undefined && (flag === undefined || flag === form)) return form;
  if (form !== undefined)
    throw new CitadelError("E_USAGE", `${form} and --${flag} are two forms: give one`);
  const { nearest } = await import("@citadel/core/nearest");
  throw new CitadelError("E_USAGE", `there is no form ${JSON.stringify(word.slice(0, 40))}`, {
    hint: [
      ...nearest(word, forms).map((one) => `did you mean ${one}?`),
      `give one of ${forms.join(", ")}`,
    ],
  });
}
