import { CitadelCommand } from "@citadel/core/command";
import { describeRule, parseSubject, type Candidate } from "@citadel/core/policy";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { explain } from "../../../policy-test.ts";
import { parseUntil, subjectOf } from "../../../policy.ts";

export default class RegistryPolicyTest extends CitadelCommand {
  static override summary = "Explain whether a version would be served, and why";
  static override description =
    "Shows the rules that are about a package. With a version also the verdict, for the facts that the flags give: without --published a version has no date, without --license no licence. Exits with 9 when the version would be refused.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> lodash",
    "<%= config.bin %> <%= command.id %> lodash@4.17.21 --published 2021-02-20",
  ];
  static override args = {
    package: text({ required: true, description: "name, or name@version" }),
  };
  static override flags = {
    published: string({ helpValue: "<date>", description: "when the version came out" }),
    license: string({ helpValue: "<spdx>", description: "licence in its manifest" }),
    scripts: boolean({ description: "it runs a script when it is installed" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyTest);
    const { pattern: name, range: version } = parseSubject(args.package);
    const { policies } = await this.citadel();
    const candidate: Candidate | undefined =
      version === undefined
        ? undefined
        : {
            name,
            version,
            origin: "-",
            published: flags.published === undefined ? undefined : parseUntil(flags.published, 0),
            license: flags.license,
            hasInstallScript: flags.scripts,
          };
    const told = await explain(await policies.read(), { name, candidate }, Date.now());
    await this.table(told.rules, [
      { name: "rule", value: ({ id }) => id, importance: 0 },
      { name: "effect", value: (rule) => describeRule(rule) },
      { name: "reason", value: ({ reason }) => reason, importance: 2 },
    ]);
    if (told.rules.length === 0) this.note(`no rule is about ${name}`);
    for (const one of told.exceptions)
      this.note(`exception ${one.id}, ${subjectOf(one)}: ${one.reason}`);
    if (told.verdict) this.#verdict(args.package, told.verdict);
    return told;
  }

  #verdict(what: string, { allowed, rule, reason, until }: NonNullable<Told["verdict"]>): void {
    const end = until === undefined ? "" : `, until ${until}`;
    if (rule === undefined) this.success(`${what} is served${end}`);
    else
      this.note(
        `${what} is ${allowed ? "served, but would be " : ""}refused by ${rule}: ${reason}`,
      );
    if (!allowed) process.exitCode = 9;
  }
}

type Told = Awaited<ReturnType<typeof explain>>;
