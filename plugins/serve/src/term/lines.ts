import { createInterface } from "node:readline";
import { complete } from "../console/words.ts";
import type { Backend, Left } from "./backend.ts";
import { foldersBelow } from "./folders.ts";

const prompt = "citadel> ";

export interface LineOptions {
  /** a person types, with a prompt, history and completion; else lines come from a file or a pipe */
  readonly person: boolean;
  readonly write: (text: string) => void;
  readonly history: string[];
  readonly signal: AbortSignal;
}

/**
 * The console line by line, without drawing anything: for screen readers, plain terminals and pipes.
 * @returns why it ended, and the exit code of the last line that failed
 */
export async function lineMode(
  backend: Backend,
  { person, write, history, signal }: LineOptions,
): Promise<{ readonly left: Left; readonly code: number }> {
  let code = 0;
  let left = "exit" as Left;
  const lines = createInterface({
    input: process.stdin,
    ...(person && {
      output: process.stdout,
      ...{ terminal: true, prompt, historySize: 500, history: history.toReversed() },
      completer: (line: string) => [complete(line, foldersBelow), line],
    }),
  });
  const close = (): void => lines.close();
  signal.addEventListener("abort", close);
  lines.on("SIGINT", close);
  const unlisten = backend.onChange(() => {
    if (!person || backend.mode() === "cooked") return;
    left = "mode";
    close();
  });
  if (person) lines.prompt();
  try {
    for await (const line of lines) {
      const word = line.trim();
      if (word === "exit") break;
      if (person && word === "clear") write("\u001b[H\u001b[2J");
      if (word !== "") history.push(line);
      if (word !== "clear") code = (await backend.run(line, write)) || code;
      if (left === "mode") break;
      if (person) lines.prompt();
    }
  } finally {
    unlisten();
    signal.removeEventListener("abort", close);
    close();
  }
  return { left, code };
}
