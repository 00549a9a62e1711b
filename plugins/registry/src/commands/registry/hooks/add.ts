import { randomBytes } from "node:crypto";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

export default class RegistryHooksAdd extends CitadelCommand {
  static override summary = "Have an address called when something happens in the registry";
  static override description =
    "In the form of Standard Webhooks. The secret that calls are signed with is made here and printed once. For hooks about one package, scope or user see docs/hooks.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> https://ci.example.com/citadel",
    "<%= config.bin %> <%= command.id %> https://ops.example.com/ --event 'alert.*'",
  ];
  static override args = {
    endpoint: text({ required: true, description: "address to call, https" }),
  };
  static override flags = {
    event: string({ multiple: true, description: "only these, such as package.* (all)" }),
    package: string({ multiple: true, description: "of packages only these, such as @acme/*" }),
    user: string({ default: "admin", description: "administrator whose hook it is" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryHooksAdd);
    const citadel = await this.citadel();
    const principal = await citadel.accounts.principal(flags.user);
    if (!principal)
      throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${flags.user}`, {
        hint: ["name an administrator: --user", "or make one: citadel token:create --admin"],
      });
    const secret = `whsec_${randomBytes(24).toString("base64")}`;
    const about = { type: "registry", name: "*", events: flags.event, packages: flags.package } as const; // prettier-ignore
    const hooks = await citadel.hooks();
    const caller = { principal, via: "cli" } as const;
    const made = await hooks.add({ ...about, endpoint: args.endpoint, secret }, caller);
    this.out(secret);
    this.success(`${made.id} calls ${new URL(made.endpoint).host} from now on`);
    this.next(`citadel registry:hooks:test ${made.id}`);
    return { ...made, secret };
  }
}
