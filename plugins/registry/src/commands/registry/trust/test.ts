import { CitadelError } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { audiencesOf } from "@citadel/core/trust";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { readToken } from "../../../trust.ts";

export default class RegistryTrustTest extends CitadelCommand {
  static override summary =
    "Explain whether an ID token would be accepted for a package, and why not";
  static override description =
    "Reads the token from standard input, and uses it up in no way. The audience is that of server.publicUrl, or of --url. Asks the issuer for its keys. Exits with 8 when the token would be refused.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui < id-token.jwt",
    "<%= config.bin %> <%= command.id %> @acme/ui --token-file id-token.jwt --json",
  ];
  static override args = { package: text({ required: true, description: "name of the package" }) };
  static override flags = {
    "token-file": string({ helpValue: "<path>", default: "-", description: "file of the token" }),
    url: string({ helpValue: "<url>", description: "address that clients use for this registry" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryTrustTest);
    const token = await readToken(flags["token-file"]);
    const citadel = await this.citadel();
    const { settings } = citadel;
    const trust = await citadel.trust();
    const { publicUrl, port } = settings.server;
    const url = flags.url ?? publicUrl ?? `http://localhost:${port}/`;
    if (!URL.canParse(url))
      throw new CitadelError("E_USAGE", `--url: ${JSON.stringify(url.slice(0, 80))} is no address`);
    const verdict = await trust.explain(args.package, token, audiencesOf(url));
    const { accepted, reason, configs } = verdict;
    if (reason !== undefined) this.note(reason);
    for (const { id, reasons } of configs)
      if (reasons.length === 0) this.note(`${id}: every claim is right`);
      else for (const one of reasons) this.note(`${id}: ${one}`);
    if (accepted) this.success(`the token would be accepted for ${args.package}`);
    else {
      this.out(`the token would be refused for ${args.package}`);
      process.exitCode = 8;
    }
    return verdict;
  }
}
