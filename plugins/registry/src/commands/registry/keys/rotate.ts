import { parseDuration } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { purposes } from "@citadel/core/keys";
import { boolean, option, string } from "@oclif/core/flags";
import { rotateKey } from "../../../keys.ts";

export default class RegistryKeysRotate extends CitadelCommand {
  static override summary = "Sign with a new key from now on";
  static override description =
    "What the key before signed stays valid. Servers that have not heard of the new one may use it until it expires. Also the way out when the key of the server (CITADEL_SERVER_KEY, server.key) is lost.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --overlap 7d --yes",
    "<%= config.bin %> <%= command.id %> --purpose jwt-rs256",
  ];
  static override flags = {
    purpose: option({ options: purposes, default: "registry" as const })({
      description: "what the key is for: packages, or tokens",
    }),
    overlap: string({ default: "24h", description: "how long the key before stays usable" }),
    "dry-run": boolean({ char: "n", description: "say what would change, change nothing" }),
    yes: boolean({ description: "do not ask" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryKeysRotate);
    const { purpose } = flags;
    const overlap = parseDuration(flags.overlap);
    if (overlap === undefined)
      throw new CitadelError("E_USAGE", `${flags.overlap} is not a duration such as 24h`);
    const dryRun = flags["dry-run"];
    const citadel = await this.citadel();
    // the first one takes the place of nothing
    const [inUse] = await citadel.keys.list(purpose);
    if (inUse && !dryRun && !flags.yes) await this.confirm("Make a new signing key?", "--yes");
    const rotated = await rotateKey(citadel, commandLine, { purpose, overlap, dryRun });
    if (dryRun) this.note("would make a new key; nothing was changed");
    else this.success(`${rotated.keyid ?? ""} signs from now on`);
    return rotated;
  }
}
