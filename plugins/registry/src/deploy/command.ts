import { join, resolve } from "node:path";
import { CitadelError, environment as variables, publicUrl } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { planProject, writeProject, type Environment, type ProjectFile } from "./project.ts";
import { findWrangler, runWrangler, wranglerArgs } from "./wrangler.ts";

/** Writes the project of the Worker and deploys it, to one of its two environments. */
export abstract class DeployCommand extends CitadelCommand {
  static override args = {
    folder: text({ required: true, description: "folder of the project" }),
  };
  static override flags = {
    url: string({ helpValue: "<url>", description: "address that clients will use" }),
    bucket: string({ helpValue: "<name>", description: "R2 bucket that holds the packages" }),
    "write-only": boolean({ description: "write the project, do not deploy it" }),
    overwrite: boolean({ description: "replace files that were changed by hand" }),
    yes: boolean({ description: "do not ask" }),
    "dry-run": boolean({ char: "n", description: "show what would be written" }),
  };
  protected abstract readonly environment: Environment;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DeployCommand);
    const { environment } = this;
    const folder = resolve(args.folder);
    const url = flags.url === undefined ? undefined : addressOf(flags.url);
    const files = await planProject({
      template: join(this.config.root, "templates/worker"),
      ...{ folder, environment, url, bucket: bucketOf(flags.bucket), overwrite: flags.overwrite },
    });
    const dryRun = flags["dry-run"];
    if (!dryRun) await this.#write(folder, files, flags.yes);
    await this.table(files, [
      { name: "file", value: ({ path }) => join(folder, path), importance: 0 },
      { name: "state", value: ({ state }) => state },
    ]);
    const kept = files.filter(({ state }) => state === "kept");
    if (kept.length > 0)
      this.note(`${kept.length} changed by hand, left alone; --overwrite replaces them`);
    const wrangler = findWrangler(folder, variables()["PATH"] ?? "");
    const deploys = !dryRun && !flags["write-only"] && wrangler !== undefined;
    if (dryRun) this.note("nothing was written");
    if (deploys) {
      if (!flags.yes) await this.confirm(`Deploy ${environment} to Cloudflare now?`, "--yes");
      const options = { input: !flags["no-input"], signal: this.signal };
      await runWrangler(wrangler, folder, environment, options);
      this.success(`deployed ${environment}`);
    }
    const next = this.#nextSteps(folder, deploys, wrangler, url);
    if (!dryRun) for (const step of next) this.next(step);
    return {
      ...{ folder, environment, dryRun, deployed: deploys, next },
      files: files.map(({ path, state }) => ({ path, state })),
    };
  }

  async #write(folder: string, files: readonly ProjectFile[], yes: boolean): Promise<void> {
    const changed = files.filter(({ state }) => state === "changed").map(({ path }) => path);
    if (changed.length > 0 && !yes)
      await this.confirm(`Change ${changed.join(", ")} in ${folder}?`, "--yes");
    await writeProject(folder, files);
  }

  #nextSteps(
    folder: string,
    deployed: boolean,
    wrangler: string | undefined,
    url = "https://<address>/",
  ): string[] {
    const deploy = `${wrangler ?? "npx wrangler"} ${wranglerArgs(this.environment).join(" ")}`;
    return [
      ...(deployed ? [] : [`cd ${folder}`]),
      ...(deployed || wrangler ? [] : ["npm install"]),
      ...(deployed ? [] : [deploy]),
      `citadel sync:upload --views ${url}`,
    ];
  }
}

/** @throws E_USAGE */
function addressOf(given: string): string {
  const url = publicUrl.parse(given, "");
  if (url !== undefined) return url;
  throw new CitadelError("E_USAGE", `${JSON.stringify(given)} is not ${publicUrl.allowed}`);
}

/** Cloudflare's rule for buckets. @throws E_USAGE */
function bucketOf(given: string | undefined): string | undefined {
  if (given === undefined || /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(given)) return given;
  throw new CitadelError("E_USAGE", `${JSON.stringify(given)} is no name of a bucket`, {
    hint: ["use 3 to 63 small letters, digits and -"],
  });
}
