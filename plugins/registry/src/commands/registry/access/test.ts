import { CitadelCommand } from "@citadel/core/command";
import { factColumns, facts } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { actions, explainAccess } from "../../../access.ts";

export default class RegistryAccessTest extends CitadelCommand {
  static override summary = "Explain whether somebody may do something to a package";
  static override description =
    "For the user with a token that may everything: what a token adds is shown by npm token list. Exits with 8 when the answer is no.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ann write @acme/ui",
    "<%= config.bin %> <%= command.id %> anonymous read @acme/ui --json",
  ];
  static override args = {
    user: text({ required: true, description: "name, or anonymous" }),
    action: text({ required: true, options: [...actions], description: actions.join(", ") }),
    package: text({ required: true, description: "name of a package, or one that is free" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryAccessTest);
    const action = actions.find((each) => each === args.action) ?? "read";
    const told = await explainAccess(await this.citadel(), args.user, action, args.package);
    const { rules } = told;
    await this.table(
      facts([
        ["package", told.exists ? told.package : `${told.package} (free)`],
        ["visibility", told.exists ? told.visibility : undefined],
        ["owners", told.owners.join(", ")],
        [
          "teams",
          Object.entries(told.teams)
            .map(([team, right]) => `${team} (${right})`)
            .join(", "),
        ],
        ["scope", told.scope ?? undefined],
        ["rule for read", rules.read ?? undefined],
        ["rule for write", rules.write ?? undefined],
        ["rule for stage", rules.stage ?? undefined],
        ["answer", told.allowed],
        ["because", told.because],
      ]),
      factColumns,
    );
    if (!told.allowed) process.exitCode = 8;
    return told;
  }
}
