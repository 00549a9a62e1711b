import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deriveKey, newIdentity } from "@citadel/core/vault";
import { CompactEncrypt } from "jose";
import { expect, onTestFinished } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import type { Ran, RunOptions } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

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

const passphrase = "correct horse battery";

/** A key file under `home` that asks for little work, because each of the many commands opens it anew. */
export async function quickKeyFile(home: string): Promise<void> {
  const { age, sign } = await newIdentity();
  const salt = randomBytes(16).toString("base64url");
  const kdf = { name: "argon2id", salt, m: 8, t: 1, p: 1 } as const;
  const text = await new CompactEncrypt(Buffer.from(JSON.stringify({ age, sign })))
    .setProtectedHeader({
      ...{ alg: "dir", enc: "A256GCM", crit: ["kdf"], kdf, typ: "citadel-identity" },
    })
    .encrypt(await deriveKey(passphrase, kdf), { crit: { kdf: true } });
  const folder = join(home, "config/vault");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, "identity.jwe"), `${text}\n`, { mode: 0o600 });
}

/** A vault that a key file opens, which is there before it; what `secrets:init` makes is in commands.test.ts. */
export async function seat(): Promise<Seat> {
  const temp = await tempFolder("secrets");
  onTestFinished(() => temp.remove());
  const file = join(temp.path, "passphrase");
  await writeFile(file, `${passphrase}\n`, { mode: 0o600 });
  const home = join(temp.path, "home");
  await quickKeyFile(home);
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
