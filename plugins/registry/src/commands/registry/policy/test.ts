import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { describeRule, parseSubject, type Candidate } from "@citadel/core/policy";
import { clean } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { explain } from "../../../policy-test.ts";
import { parseUntil, subjectOf } from "../../../policy.ts";

export default class RegistryPolicyTest extends CitadelCommand {
  static override summary = "Explain whether a version would be served, and why";
  static override description =
    "Shows the rules that are about a package. With a version or tag also the verdict, for what its upstream says of it, or for what the flags say: without --published it has no date then, without --license no licence. Exits with 9 when the version would be refused.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> lodash@latest",
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
    const citadel = await this.citadel();
    const given = flags.published ?? flags.license ?? (flags.scripts || undefined);
    const upstream = given === undefined ? citadel.upstream : undefined;
    const candidate: Candidate | undefined =
      version === undefined
        ? undefined
        : ((await upstream?.candidate(name, version, commandLine)) ?? {
            name,
            version,
            origin: "-",
            published: flags.published === undefined ? undefined : parseUntil(flags.published, 0),
            license: flags.license,
            hasInstallScript: flags.scripts,
          });
    const policies = await citadel.policies();
    const told = await explain(await policies.read(), { name, candidate }, Date.now());
    await this.table(told.rules, [
      { name: "rule", value: ({ id }) => id, importance: 0 },
      { name: "effect", value: (rule) => describeRule(rule) },
      { name: "reason", value: ({ reason }) => reason, importance: 2 },
    ]);
    if (told.rules.length === 0) this.note(`no rule is about ${name}`);
    for (const one of told.exceptions)
      this.note(`exception ${one.id}, ${subjectOf(one)}: ${one.reason}`);
    if (!candidate || !told.verdict) return told;
    this.#facts(candidate);
    this.#verdict(`${name}@${candidate.version}`, told.verdict);
    return { ...told, candidate: { ...candidate, published: dateOf(candidate) } };
  }

  #facts(candidate: Candidate): void {
    const { origin, license, hasInstallScript } = candidate;
    const facts = [
      ...(origin === "-" ? [] : [`from ${origin}`]),
      `of ${dateOf(candidate) ?? "no date"}`,
      license === undefined ? "without a licence" : `licence ${license}`,
      ...(hasInstallScript ? ["runs a script when it is installed"] : []),
    ];
    this.note(clean(`${candidate.name}@${candidate.version}: ${facts.join(", ")}`));
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

const dateOf = ({ published }: Candidate): string | undefined =>
  published === undefined || !Number.isFinite(published)
    ? undefined
    : new Date(published).toISOString();

type Told = Awaited<ReturnType<typeof explain>>;
