import { join, resolve } from "node:path";
import { CitadelError } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { readTemplate, templates, writeTemplate } from "../template.ts";

export default class Template extends CitadelCommand {
  static override summary = "Print or write files to run Citadel, and to work with it";
  static override description =
    "Without a name the templates are listed. Files are printed; --out writes them into a folder and never replaces one that is there.";
  static override examples = [
    "<%= config.bin %> template",
    "<%= config.bin %> template config > citadel.json5",
    "<%= config.bin %> template client-yarn4 --registry https://npm.example.org/",
    "<%= config.bin %> template github-actions --out .",
  ];
  static override args = {
    name: text({ options: Object.keys(templates), description: "which one" }),
  };
  static override flags = {
    output: string({ char: "o", aliases: ["out"], helpValue: "<folder>", description: "write the files there" }), // prettier-ignore
    registry: string({ helpValue: "<url>", default: "http://localhost:4873/", description: "address of the registry" }), // prettier-ignore
    scope: string({ helpValue: "<scope>", default: "acme", description: "scope of your packages, with or without @" }), // prettier-ignore
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Template);
    if (args.name === undefined) {
      const items = Object.entries(templates).map(([name, what]) => ({ name, what }));
      await this.table(items, [
        { name: "template", value: ({ name }) => name, importance: 0 },
        { name: "what", value: ({ what }) => what },
      ]);
      return { items };
    }
    const files = await readTemplate(args.name, {
      root: join(this.config.root, "templates"),
      registry: address(flags.registry),
      scope: scopeName(flags.scope),
    });
    if (flags.output === undefined) {
      for (const { path, text: content } of files) {
        if (files.length > 1) this.out(`# ---- ${path}`);
        this.out(content.trimEnd());
      }
      return { items: files };
    }
    const folder = resolve(flags.output);
    await writeTemplate(files, folder);
    for (const { path } of files) this.out(join(folder, path));
    this.success(`wrote ${files.length} files`);
    return { folder, items: files.map(({ path }) => ({ path })) };
  }
}

/** @throws E_USAGE */
function address(given: string): string {
  const url = URL.parse(given);
  const plain = url && /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash;
  if (!plain)
    throw new CitadelError("E_USAGE", "--registry is not the address of a registry", {
      hint: ["write it as https://npm.example.org/"],
    });
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}

/** @throws E_USAGE */
function scopeName(given: string): string {
  const name = given.replace(/^@/, "");
  if (/^[a-z0-9][a-z0-9._-]*$/.test(name)) return name;
  throw new CitadelError("E_USAGE", "--scope is not a scope", {
    hint: ["write it as acme or @acme"],
  });
}
