import { CitadelError } from "@citadel/core/errors";
import { scopeFlag, SecretsCommand, type VaultFlags } from "@citadel/core/secrets";
import { defaultLength, generate } from "@citadel/core/vault";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { generateFlags } from "../../describe.ts";

export default class SecretsRotate extends SecretsCommand {
  static override summary = "Replace the value of a secret";
  static override description =
    "At once; or in four steps with --policy, a JSON file: the new value is kept as pending, a program gives it to what uses it, another one tests it, and then it is current. Each step is on record; after a failure the same command goes on with the step that failed. See docs/secrets.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password --generate",
    "<%= config.bin %> <%= command.id %> db/password -s production < value",
    "<%= config.bin %> <%= command.id %> db/password --policy rotate.json",
    "<%= config.bin %> <%= command.id %> db/password --cancel",
    "<%= config.bin %> <%= command.id %> --due --policy rules.json",
  ];
  static override args = {
    key: text({ ignoreStdin: true, description: "name, such as db/password; none with --due" }),
    value: text({
      ignoreStdin: true,
      description: "- for standard input; anything else can be seen by others",
    }),
  };
  static override flags = {
    scope: scopeFlag,
    policy: string({ helpValue: "<file>", description: "rotate in steps, as the file says" }),
    cancel: boolean({
      exclusive: ["policy", "generate"],
      description: "give up a rotation under way; its version is deleted",
    }),
    due: boolean({
      exclusive: ["cancel", "generate", "scope"],
      description: "all that is due, by the rules of --policy or of secrets.rotation",
    }),
    "dry-run": boolean({
      char: "n",
      dependsOn: ["due"],
      description: "only show what would be rotated",
    }),
    ...generateFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsRotate);
    if (flags.due) return this.#due(args.key, flags);
    if (args.key === undefined)
      throw new CitadelError("E_USAGE", "no secret is named", { hint: ["or rotate all: --due"] });
    const which = { name: args.key, scope: flags.scope };
    if (flags.cancel) return this.#cancel(which, flags);
    const { length = defaultLength, symbols } = flags;
    const policy = flags.policy === undefined ? undefined : await this.#policy(flags.policy);
    const made = flags.generate || policy?.generate !== undefined;
    const given = made ? undefined : await this.given(args.value);
    const vault = await this.vault(flags, given?.stdin && args.value === "-");
    const value = async () => (given ? given.read() : Buffer.from(generate({ length, symbols })));
    if (!policy && (await vault.rotating(which)))
      throw new CitadelError("E_CONFLICT", `a rotation of ${args.key} is under way`, {
        hint: ["go on with it: --policy <file>", "give it up: --cancel"],
      });
    if (!policy) {
      const fresh = await value();
      const done = await vault.rotate(which, fresh);
      fresh.fill(0);
      this.success(`${done.scope}/${done.name} is at version ${done.version}`);
      return done;
    }
    const { rotateInSteps } = await import("@citadel/core/rotation");
    const done = await rotateInSteps(vault, {
      ...{ which, policy, value, signal: this.signal },
      done: (step) => this.note(`${step}: done`),
    });
    this.success(`${done.scope}/${args.key} is at version ${done.version}`);
    return { ...done, name: args.key };
  }

  async #due(
    key: string | undefined,
    flags: VaultFlags & { readonly policy: string | undefined; readonly "dry-run": boolean },
  ): Promise<object> {
    if (key !== undefined) throw new CitadelError("E_USAGE", "--due takes no name");
    const { dueColumns, exitOf, rulesOf } = await import("../../rotate-due.ts");
    const rules = await rulesOf(flags.policy ?? (await this.settings()).settings.secrets.rotation);
    const { rotateDue } = await import("@citadel/core/rotation");
    const options = { rules, signal: this.signal, dryRun: flags["dry-run"] };
    const items = await rotateDue(await this.vault(flags), options);
    await this.table(items, dueColumns);
    if (items.length === 0) this.note("nothing is due");
    process.exitCode = exitOf(items);
    return { items };
  }

  async #policy(path: string) {
    const { readRotationPolicy } = await import("@citadel/core/rotation");
    return readRotationPolicy(path);
  }

  async #cancel(which: { name: string; scope: string | undefined }, flags: VaultFlags) {
    const vault = await this.vault(flags);
    const rotation = await vault.rotating(which);
    if (!rotation)
      throw new CitadelError("E_SECRET_NOT_FOUND", `no rotation of ${which.name} is under way`);
    const done = await vault.step(which, rotation.id, "cancel");
    this.success(`gave up version ${done.version} of ${done.scope}/${done.name}`);
    return done;
  }
}
