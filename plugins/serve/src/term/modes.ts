import { join } from "node:path";
import type { Citadel, Dirs, Settings } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import type { Terminal } from "@citadel/core/terminal";
import { openBackend } from "./backend.ts";
import { readHistory, writeHistory } from "./history.ts";

export interface TermOptions {
  readonly settings: Settings;
  readonly dirs: Dirs;
  readonly citadel: () => Promise<Citadel>;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** takes output of commands where lines come from a pipe */
  readonly write: (text: string) => void;
}

/**
 * The terminal dashboard, in the mode that the thirteen bytes say, from one to the other as they change.
 * @returns the exit code of the last line that failed, 0 on a terminal
 * @throws E_FORBIDDEN where the terminal is disabled
 */
export async function runTerm(options: TermOptions): Promise<number> {
  const { settings, dirs, citadel, terminal, signal, write } = options;
  const person = terminal.interactive && terminal.out.tty;
  const backend = await openBackend({
    ...{ settings, dirs, citadel },
    colour: terminal.out.palette.bad("x") !== "x",
    signal,
  });
  const path = join(dirs.data, "term.history");
  const history = person ? await readHistory(path) : [];
  try {
    for (;;) {
      const mode = backend.mode();
      if (mode === "disabled")
        throw new CitadelError(
          "E_FORBIDDEN",
          "the terminal is switched off: terminalMode is disabled",
          {
            hint: [
              "citadel config:set terminalMode raw",
              "or: citadel config:set terminalMode cooked",
            ],
          },
        );
      if (!person || mode === "cooked") {
        const { lineMode } = await import("./lines.ts");
        await backend.ready;
        const { left, code } = await lineMode(backend, { person, write, history, signal });
        if (left === "exit") return person ? 0 : code;
      } else {
        const { fullScreen } = await import("./full.ts");
        if ((await fullScreen(backend, terminal, history, signal)) === "exit") return 0;
      }
    }
  } finally {
    backend.close();
    if (person) await writeHistory(path, history);
  }
}
