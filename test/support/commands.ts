// The process of `oneProcess`: runs the command lines that it is sent, one after the other, as bin/citadel.js would.
import { join } from "node:path";
import { Readable } from "node:stream";
import { execute } from "@oclif/core/execute";
import { Config } from "@oclif/core/config";
import { settings } from "@oclif/core/settings";
import { joinTopics } from "@citadel/core/argv";

/** One command line. */
export interface Line {
  readonly args: readonly string[];
  /** the whole environment */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** what stdin holds, base64 */
  readonly input: string;
}

/** What it said, in the order of writing, and how its process would have ended. */
export interface Said {
  readonly code: number;
  readonly said: readonly (readonly [stream: "stdout" | "stderr", text: string])[];
}

const root = join(import.meta.dirname, "../..");
settings.enableAutoTranspile = false;

process.once("disconnect", process.exit.bind(process, 0));

/** What `process.exit` does here. */
class Ended extends Error {}
process.exit = (code) => {
  process.exitCode = code ?? process.exitCode ?? 0;
  throw new Ended();
};

async function command({ args, env, cwd, input }: Line): Promise<Said> {
  const said: ["stdout" | "stderr", string][] = [];
  for (const stream of ["stdout", "stderr"] as const)
    process[stream].write = (chunk: string | Uint8Array, ...more: unknown[]) => {
      said.push([stream, Buffer.from(chunk as string).toString()]);
      for (const done of more) if (typeof done === "function") done();
      return true;
    };
  const stdin = Readable.from([Buffer.from(input, "base64")], { objectMode: false });
  Object.defineProperty(process, "stdin", { value: stdin, configurable: true });
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.exitCode = 0;
  const home = env["CITADEL_HOME"] ?? "";
  for (const kind of ["data", "cache", "config"])
    process.env[`CITADEL_${kind.toUpperCase()}_DIR`] ||= join(home, kind);
  try {
    const config = await Config.load(root);
    await execute({ args: joinTopics([...args], config), loadOptions: config });
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
  }
  return { code: Number(process.exitCode), said };
}

process.on("message", (line: Line) => {
  void command(line).then((said) => process.send?.(said));
});
