import { CitadelCommand } from "@citadel/core/command";
import { factColumns, facts } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import type { ParsedRange, ParsedVersion } from "../../parse.ts";

export default class VersionParse extends CitadelCommand {
  static override summary = "Take a version, or a range, apart";
  static override description =
    "A version as a registry keeps it, its parts and what may come next; a range written out, and the lowest version that fits.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 1.2.3-beta.4",
    "<%= config.bin %> <%= command.id %> '^1.2 || 3.x' --json",
  ];
  static override args = { version: text({ required: true, description: "version or range" }) };

  async run(): Promise<ParsedVersion | ParsedRange> {
    const { args } = await this.parse(VersionParse);
    const { parseVersion } = await import("../../parse.ts");
    const found = parseVersion(args.version);
    await this.table(
      found.type === "range"
        ? facts([
            ["range", found.range],
            ["lowest", found.lowest],
          ])
        : facts([
            ["version", found.version],
            ["major", found.major],
            ["minor", found.minor],
            ["patch", found.patch],
            ["prerelease", found.prerelease.join(".")],
            ["build", found.build.join(".")],
            ["next major", found.next.major],
            ["next minor", found.next.minor],
            ["next patch", found.next.patch],
          ]),
      factColumns,
    );
    if (found.type === "version" && found.loose)
      this.warn(`${args.version.trim()} is not written as the standard says: ${found.version}`);
    return found;
  }
}
