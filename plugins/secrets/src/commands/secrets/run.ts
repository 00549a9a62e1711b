import { environment } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import { SecretsCommand } from "@citadel/core/secrets";
import { boolean, string } from "@oclif/core/flags";
import type { RunWish } from "../../run.ts";

export default class SecretsRun extends SecretsCommand {
  static override summary = "Run a command with values, and hide them in its output";
  static override description =
    "Without a shell, with the command's own exit code. Values come by name (db/password as DB_PASSWORD): those of a scope, or the ones that --map and --refs name. Each is on record before the command starts. Citadel's own variables and tokens of registries are taken out of its environment. See docs/secrets.md.";
  static override usage = ["<%= command.id %> [flags] -- <command> [arguments]"];
  static override examples = [
    "<%= config.bin %> <%= command.id %> -s staging -- node server.js",
    "<%= config.bin %> <%= command.id %> --map DB_URL=db/url -- psql",
    "<%= config.bin %> <%= command.id %> --refs refs.env --mask -- npm test",
    "<%= config.bin %> <%= command.id %> --registry-token --registry-user ci -- npm publish",
  ];
  static override flags = {
    scope: string({ char: "s", helpValue: "<scope>", description: "all of this scope (default)" }),
    only: string({
      helpValue: "<name,…>",
      description: "of the scope these alone, by name or variable",
    }),
    map: string({
      multiple: true,
      helpValue: "<VAR=name>",
      description: "this secret as this variable",
    }),
    // not --env-file: Node reads the file of that name itself, and obeys a NODE_OPTIONS in it
    refs: string({
      helpValue: "<file>",
      description: "variables with references such as citadel://scope/name",
    }),
    as: string({
      options: ["env", "file", "stdin", "fd"],
      default: "env",
      description: "variables with the value, or with the path of a file in memory",
    }),
    mask: boolean({ description: "hide values on a terminal, too" }),
    "allow-dangerous": string({
      multiple: true,
      helpValue: "<VAR>",
      description: "a variable that changes what programs load",
    }),
    "registry-token": boolean({ description: "and a registry token for as long as it runs" }),
    "registry-user": string({
      helpValue: "<name>",
      dependsOn: ["registry-token"],
      description: "whose token it is",
    }),
    "registry-package": string({
      multiple: true,
      helpValue: "<name>",
      dependsOn: ["registry-token"],
      description: "packages that it is for, such as @acme/*",
    }),
    "registry-expires": string({
      default: "1h",
      helpValue: "<1h>",
      description: "when it is dead if this process is killed",
    }),
    registry: string({
      helpValue: "<url>",
      dependsOn: ["registry-token"],
      description: "address of the registry (server.publicUrl, else this machine)",
    }),
  };

  async run(): Promise<object> {
    const all = this.argv;
    const end = all.indexOf("--");
    const { flags } = await this.parse(SecretsRun, all.slice(0, end < 0 ? undefined : end));
    const [program, ...args] = end < 0 ? [] : all.slice(end + 1);
    if (program === undefined)
      throw new CitadelError("E_USAGE", "there is no command to run", {
        hint: ["put it after --: citadel secrets:run -- npm test"],
      });
    const wish: RunWish = {
      ...{ command: [program, ...args], form: flags.as as RunWish["form"], mask: flags.mask },
      ...{ scope: flags.scope, map: flags.map, refs: flags.refs },
      ...{ only: flags.only?.split(","), allowed: flags["allow-dangerous"] },
      ...(flags["registry-token"] && {
        registry: {
          user: flags["registry-user"],
          packages: flags["registry-package"] ?? [],
          lifetime: flags["registry-expires"],
          url: flags.registry,
        },
      }),
    };
    const vault = await this.vault(flags);
    const { run } = await import("../../run.ts");
    const ran = await run(
      {
        ...{ citadel: await this.citadel(), vault, terminal: this.terminal, env: environment() },
        shield: await this.shield(),
        onStart: (line, warnings) => {
          this.keepSignals();
          this.note(line);
          for (const warning of warnings) this.warn(warning);
        },
      },
      wish,
    );
    process.exitCode = ran.code;
    return ran;
  }
}
