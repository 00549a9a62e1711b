import { CitadelError } from "@citadel/core/errors";
import {
  SecretsCommand,
  scopeFlag,
  timeOfText,
  versionNumber,
  type VaultFlags,
} from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";

export default class SecretsRollback extends SecretsCommand {
  static override summary = "Go back to an older version of a secret, or of a scope";
  static override description =
    "As a new version, so that going back can be undone the same way. With --scope and --at all secrets of the scope hand out what they did then, in one step; those that were made later are deleted.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password 2",
    "<%= config.bin %> <%= command.id %> db/password 2 --dry-run",
    "<%= config.bin %> <%= command.id %> --scope dev --at 2026-11-01T12:00Z",
    "<%= config.bin %> <%= command.id %> --scope dev --at 2h --yes",
  ];
  static override args = {
    key: text({ ignoreStdin: true, description: "name, such as db/password" }),
    version: text({ ignoreStdin: true, description: "number of the version" }),
  };
  static override flags = {
    scope: scopeFlag,
    at: string({ helpValue: "<date|2h>", description: "the whole scope, as it was then" }),
    "dry-run": boolean({ char: "n", description: "show what would change, change nothing" }),
    yes: boolean({ description: "do not ask", dependsOn: ["at"] }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsRollback);
    const { key, version: number } = args;
    const { scope, at, yes } = flags;
    const dryRun = flags["dry-run"] === true;
    if (at !== undefined && scope !== undefined && key === undefined)
      return this.#scope(scope, timeOfText(at, Date.now(), "--at"), { dryRun, yes }, flags);
    if (key === undefined || number === undefined || at !== undefined)
      throw new CitadelError("E_USAGE", "either a name and a version, or --scope and --at");
    const version = versionNumber(number);
    const vault = await this.vault(flags);
    const done = await vault.rollback({ name: key, scope }, version, { dryRun });
    const what = `${done.scope}/${done.name}: version ${done.version} with the value of ${version}`;
    if (dryRun) this.note(`would make ${what}; nothing was changed`);
    else this.success(what);
    return { ...done, from: version, dryRun };
  }

  async #scope(
    scope: string,
    at: number,
    { dryRun, yes }: { readonly dryRun: boolean; readonly yes: boolean },
    flags: VaultFlags,
  ): Promise<object> {
    const vault = await this.vault(flags);
    const items = await vault.restoreScope(scope, at, { dryRun: true });
    await this.table(items, [
      { name: "name", value: ({ name }) => name, importance: 0 },
      { name: "what", value: ({ what }) => what, importance: 0 },
      { name: "version", value: ({ from }) => from },
    ]);
    for (const { name, from } of items.filter(({ what }) => what === "lost"))
      this.warn(`version ${from} of ${scope}/${name} is destroyed: it stays as it is`);
    const count = items.filter(({ what }) => what !== "lost").length;
    const changing = count === 1 ? "1 secret" : `${count} secrets`;
    if (count === 0) this.note(`${scope} is as it was`);
    else if (dryRun) this.note(`would change ${changing}; nothing was changed`);
    else {
      if (!yes) await this.confirm(`Change ${changing} of ${scope}?`, "--yes");
      const done = await vault.restoreScope(scope, at, { dryRun: false });
      this.success(`changed ${changing} of ${scope}`);
      return { scope, items: done, dryRun };
    }
    return { scope, items, dryRun };
  }
}
