import { SecretsCommand, scopeFlag, timeOfText } from "@citadel/core/secrets";
import { boolean, string } from "@oclif/core/flags";
import type { Caller } from "@citadel/core/vault";
import { auditItem } from "../../audit.ts";

export default class SecretsAudit extends SecretsCommand {
  static override summary = "Show who changed the vault, and what was read from here";
  static override description =
    "Changes come from the signed history that all share, reads from the log of this machine; both are checked from the beginning. --verify opens every version too. Exits with 6 when something is not what was written.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --since 7d",
    "<%= config.bin %> <%= command.id %> --secret db/password --verify --json",
  ];
  static override flags = {
    secret: string({ helpValue: "<name>", description: "about this secret" }),
    scope: scopeFlag,
    since: string({ helpValue: "<7d|date>", description: "not what is older" }),
    verify: boolean({ description: "open every version" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsAudit);
    const { secret, scope, verify } = flags;
    const since = flags.since === undefined ? 0 : timeOfText(flags.since, Date.now());
    const vault = await this.vault(flags);
    const { items: all, problems } = await vault.audit({ verify });
    const items = all
      .filter(({ name, scope: of }) => (secret ?? name) === name && (scope ?? of) === of)
      .map(auditItem)
      .filter(({ at }) => Date.parse(at) >= since);
    await this.table(items, [
      { name: "at", value: ({ at }) => at, importance: 0 },
      { name: "what", value: ({ op }) => op, importance: 0 },
      { name: "scope", value: ({ scope: of }) => of ?? "" },
      { name: "name", value: ({ name }) => name ?? "" },
      { name: "versions", value: ({ versions }) => versions.join(", ") },
      { name: "entry", value: ({ seq, kind }) => `${kind} ${seq}`, importance: 2 },
      { name: "by", value: ({ by, caller }) => whoOf(caller) ?? by, importance: 3 },
      { name: "why", value: ({ why }) => why ?? "", importance: 4 },
    ]);
    for (const problem of problems) this.warn(problem);
    if (problems.length > 0) process.exitCode = 6;
    else if (verify) this.success("the history, the access log and every version are as written");
    return { items, problems };
  }
}

/** Somebody who asked this server, with the address and the run that they came from. */
const whoOf = (caller: Caller | undefined): string | undefined =>
  caller && [caller.who, caller.address, caller.run].filter(Boolean).join(" ");
