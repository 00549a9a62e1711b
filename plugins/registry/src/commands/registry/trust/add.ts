import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { claimTexts, parseClaims } from "../../../trust.ts";

export default class RegistryTrustAdd extends CitadelCommand {
  static override summary = "Let a pipeline publish a package without a token of its own";
  static override description =
    "For every issuer of the setting trust.issuers, with any claims; npm trust has commands for GitHub, GitLab and CircleCI only. Every claim must be in the ID token with exactly this value: name=value, name.file=ci.yml for the workflow file of GitHub and GitLab, name[]=value for an item of a list.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ui --issuer github --claim repository=acme/ui \\\n  --claim workflow_ref.file=release.yml --allow-stage-publish",
    "<%= config.bin %> <%= command.id %> ui --issuer kube --claim sub=ci --allow-publish",
  ];
  static override args = { package: text({ required: true, description: "name of the package" }) };
  static override flags = {
    issuer: string({ required: true, helpValue: "<name>", description: "name in trust.issuers" }),
    claim: string({
      required: true,
      multiple: true,
      helpValue: "<name=value>",
      description: "what the ID token must say; several times",
    }),
    "allow-publish": boolean({ description: "it may publish" }),
    "allow-stage-publish": boolean({ description: "it may stage versions for approval" }),
    "dry-run": boolean({ char: "n", description: "check it, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryTrustAdd);
    const trust = await (await this.citadel()).trust();
    const permissions = [
      ...(flags["allow-publish"] ? ["createPackage"] : []),
      ...(flags["allow-stage-publish"] ? ["createStagedPackage"] : []),
    ];
    const input = { issuer: flags.issuer, claims: parseClaims(flags.claim), permissions };
    const dryRun = flags["dry-run"];
    const config = await trust.add(args.package, input, commandLine, { dryRun });
    const who = `${config.issuer} with ${claimTexts(config.claims).join(" ")}`;
    const may = permissions.includes("createPackage") ? "publish" : "stage";
    if (dryRun) this.note(`would be: ${who} may ${may} ${args.package}; nothing was changed`);
    else this.success(`${who} may ${may} ${args.package}: ${config.id}`);
    if (!dryRun) this.next(`citadel registry:trust:test ${args.package} < id-token.jwt`);
    return { ...config, created: new Date(config.created).toISOString(), dryRun };
  }
}
