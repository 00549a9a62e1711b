import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Line, Said } from "./commands.ts";
import { citadel, citadelEnv } from "./citadel.ts";
import { withoutColours } from "./run.ts";

/** Commands that start others or stay, or that change which modules there are; what is logged is settled at the start. */
const starting =
  /^(?:bunx|driver:test|plugins|registry:(?:deploy|self-publish)|secrets:(?:edit|run)|serve|term)\b|--verbose/;
/** Variables that are read once in a process, or that end it. */
const settled = /^(?:CITADEL_CRASH_AT$|DEBUG$|LANG$|LC_|NODE_|SSL_|UV_)/;

/**
 * `citadel` for tests of what commands do to a store, where nothing depends on how a process starts and ends: one process
 * runs all of them, one after the other, for a tenth of the work. What a signal, a terminal or a child of the command has a
 * part in gets a process of its own all the same. `test/cli` runs each command in one. It ends with the tests of the file.
 */
export function oneProcess(): { readonly citadel: typeof citadel } {
  let child: ChildProcess | undefined;
  const start = (): ChildProcess => {
    const env = citadelEnv("");
    return fork(join(import.meta.dirname, "commands.ts"), { env, execArgv: [] });
  };
  const answer = async (line: Line): Promise<Said> => {
    child ??= start();
    const none = new AbortController();
    const { signal } = none;
    const answered = once(child, "message", { signal }) as Promise<[Said]>;
    const ended = once(child, "exit", { signal }).then(() => {
      throw new Error(`citadel ${line.args.join(" ")} ended the process of all`);
    });
    child.send(line);
    try {
      return (await Promise.race([answered, ended]))[0];
    } finally {
      none.abort();
      await Promise.allSettled([answered, ended]);
    }
  };
  afterAll(async () => {
    if (!child?.connected) return;
    const ended = once(child, "exit");
    child.disconnect();
    await ended;
  });
  let before: Promise<unknown> = Promise.resolve();
  return {
    async citadel(home, args, options = {}) {
      const { cwd = process.cwd(), env, input = "", ...other } = options;
      const own =
        process.env["CITADEL_BIN"] !== undefined ||
        starting.test([args.slice(0, 2).join(":"), ...args].join(" ")) ||
        Object.keys(env ?? {}).some((name) => settled.test(name)) ||
        Object.keys(other).length > 0;
      if (own) return citadel(home, args, options);
      const line: Line = {
        args,
        env: citadelEnv(home, env),
        cwd,
        input: Buffer.from(input).toString("base64"),
      };
      const turn = before.then(() => answer(line));
      before = turn.catch(() => {});
      const { code, said } = await turn;
      const of = (stream: string): string =>
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
  };
}
