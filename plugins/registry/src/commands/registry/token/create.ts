import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { boolean, string } from "@oclif/core/flags";
import { createToken } from "../../../people/tokens.ts";
import { tokenItem } from "../../../people/items.ts";

export default class RegistryTokenCreate extends CitadelCommand {
  static override summary = "Make a token for a user, or the first administrator";
  static override description =
    "The token is printed this once; the store keeps only its hash. With --admin its user, admin unless named, is an administrator from then on and is made when there is none: that is how a registry gets its first one. Any other token of an administrator cannot administer.";
  static override aliases = ["token:create"];
  static override examples = [
    "<%= config.bin %> token:create --admin",
    "<%= config.bin %> <%= command.id %> --user ci --automation --package '@acme/*'",
    "<%= config.bin %> <%= command.id %> --user bob --read-only --expires 30d",
    "<%= config.bin %> <%= command.id %> --user ci --api-key --package '@acme/*'",
    "<%= config.bin %> <%= command.id %> --user ci --cidr 10.0.0.0/8 --name build",
  ];
  static override flags = {
    user: string({ helpValue: "<name>", description: "whose token it is" }),
    admin: boolean({
      description: "may administer the registry",
      exclusive: ["read-only", "package", "automation"],
    }),
    name: string({ description: "name for lists" }),
    "read-only": boolean({ description: "reads only" }),
    secrets: boolean({
      description: "only for secrets that the server lends out, see docs/secrets-broker.md",
      exclusive: ["admin", "read-only", "package", "api-key"],
    }),
    metrics: boolean({
      description: "an API key for the figures of /metrics only, as for Prometheus",
      exclusive: ["admin", "read-only", "package", "secrets"],
    }),
    automation: boolean({
      description: "for machines: no one-time password, cannot change the account",
    }),
    "api-key": boolean({
      description: "an API key: ctdl_…, for machines, with an end (90d unless --expires says)",
    }),
    expires: string({ helpValue: "<when>", description: "30d, or a date" }),
    cidr: string({
      multiple: true,
      helpValue: "<block>",
      description: "addresses that it may be used from",
    }),
    package: string({
      multiple: true,
      helpValue: "<name>",
      description: "packages that it is for: a name, or a beginning such as @acme/*",
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryTokenCreate);
    const { user, admin, name, automation, expires } = flags;
    const made = await createToken(await this.citadel(), commandLine, {
      ...{ user, admin, name, automation, expires, readOnly: flags["read-only"] },
      ...{ secrets: flags.secrets, metrics: flags.metrics },
      apiKey: flags["api-key"],
      ...{ cidr: flags.cidr ?? [], packages: flags.package ?? [] },
    });
    const { token, info, userCreated, promoted } = made;
    this.out(token);
    if (userCreated) this.note(`made the administrator ${info.user}, who has no password yet`);
    if (promoted) this.note(`${info.user} is an administrator now`);
    this.success(`made a token of ${info.user}; it is not shown again`);
    if (userCreated) this.next(`citadel registry:user:passwd ${info.user}`);
    else this.next("npm config set //<registry>/:_authToken <token>");
    return { token, ...tokenItem(info), userCreated, promoted };
  }
}
