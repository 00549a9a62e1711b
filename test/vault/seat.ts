import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { citadel } from "../support/citadel.ts";
import type { Ran, RunOptions } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

/** A home with a vault of its own. */
export interface Seat {
  /** folder of the test, with `home` and `passphrase` in it */
  readonly path: string;
  readonly home: string;
  /** what opens the vault */
  readonly env: NodeJS.ProcessEnv;
  run(args: readonly string[], options?: Options): Promise<Ran>;
  /** What a command prints with --json. */
  json(args: readonly string[], options?: Options): Promise<any>;
  /** Keeps values by `scope/name`. */
  fill(values: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
}

type Options = Omit<RunOptions, "env"> & { readonly env?: NodeJS.ProcessEnv };

export async function seat(): Promise<Seat> {
  const temp = await tempFolder("secrets");
  onTestFinished(() => temp.remove());
  const file = join(temp.path, "passphrase");
  await writeFile(file, "correct horse battery\n", { mode: 0o600 });
  const home = join(temp.path, "home");
  const env = { CITADEL_PASSPHRASE_FILE: file };
  const run: Seat["run"] = (args, { env: more = {}, ...options } = {}) =>
    citadel(home, args, { ...options, env: { ...env, ...more } });
  const must = async (args: readonly string[], options?: Options): Promise<Ran> => {
    const ran = await run(args, options);
    expect(ran.code, ran.output).toBe(0);
    return ran;
  };
  await must(["secrets:init"]);
  return {
    ...{ path: temp.path, home, env, run },
    json: async (args, options) => JSON.parse((await run([...args, "--json"], options)).stdout),
    async fill(values) {
      for (const [path, input] of Object.entries(values)) {
        const [scope = "", ...name] = path.split("/");
        await must(["secrets:set", name.join("/"), "-s", scope], { input });
      }
    },
  };
}
