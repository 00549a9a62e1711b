import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Line, Said } from "./commands.ts";
import { citadelEnv, type citadel } from "./citadel.ts";
import { withoutColours } from "./run.ts";

/**
 * `citadel` for tests of what commands do to a store, where nothing depends on how a process starts and ends: one process
 * runs all of them, one after the other, which costs a third. Not for what a signal, a terminal or a child of the command has a
 * part in. `test/cli` runs each command in a process of its own.
 */
export function oneProcess(): { readonly citadel: typeof citadel; stop(): Promise<void> } {
  const env = { ...citadelEnv(""), HOME: "", CITADEL_HOME: "" };
  const child = fork(join(import.meta.dirname, "commands.ts"), { env, execArgv: [] });
  const ended = once(child, "exit");
  const answer = async (args: readonly string[], line: Line): Promise<Said> => {
    const answered = once(child, "message") as Promise<[Said]>;
    child.send(line);
    const first = await Promise.race([answered, ended.then(() => undefined)]);
    if (first === undefined) throw new Error(`citadel ${args.join(" ")} ended the process of all`);
    return first[0];
  };
  let before: Promise<unknown> = Promise.resolve();
  return {
    async citadel(home, args, { cwd = process.cwd(), env: more, input = "" } = {}) {
      const line = {
        args,
        env: citadelEnv(home, more) as Record<string, string>,
        cwd,
        input: Buffer.from(input).toString("base64"),
      };
      const turn = before.then(() => answer(args, line));
      before = turn.catch(() => {});
      const { code, said } = await turn;
      const of = (stream: string) =>
        said.flatMap(([on, text]) => (on === stream ? [text] : [])).join("");
      return {
        command: ["citadel", ...args].join(" "),
        code,
        signal: null,
        stdout: of("stdout"),
        stderr: of("stderr"),
        output: withoutColours(said.map(([, text]) => text).join("")),
      };
    },
    async stop() {
      child.disconnect();
      await ended;
    },
  };
}
