import { newEditor, press, type Editor } from "../../../src/term/editor.ts";
import { keysOf } from "./input.ts";

export interface PaneOptions {
  /** Runs a line. @returns its exit code */
  readonly run: (line: string) => Promise<number>;
  readonly leave: () => void;
}

/** A terminal with a prompt. */
export interface Pane {
  /** whole lines with their ends */
  write(text: string): void;
  enable(on: boolean): void;
  /** @param fixed undefined: as large as the window */
  size(fixed: { readonly rows: number; readonly cols: number } | undefined): void;
}

const prompt = "\u001b[36m> \u001b[0m";
const promptWidth = 2;
const kept = "citadel-terminal";

export async function openPane(screen: HTMLElement, { run, leave }: PaneOptions): Promise<Pane> {
  const [{ Terminal }, { FitAddon }] = await Promise.all([
    import("@xterm/xterm"),
    import("@xterm/addon-fit"),
    import("@xterm/xterm/css/xterm.css"),
  ]);
  const terminal = new Terminal({
    ...{ convertEol: true, cursorBlink: false, screenReaderMode: true, scrollback: 2000 },
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
    theme: { background: "#101413", foreground: "#e6ecea" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(screen);
  let editor: Editor = newEditor(recall());
  let fixed: { readonly rows: number; readonly cols: number } | undefined;
  let on = true;
  let busy = false;

  const resize = (): void => (fixed ? terminal.resize(fixed.cols, fixed.rows) : fit.fit());
  /** Takes the prompt away, writes, and puts it back. */
  const above = (text: string): void => {
    terminal.write(`\r\u001b[J${text}`);
    if (!busy && on) ask();
  };
  const ask = (): void => {
    const { text, cursor } = editor;
    const room = Math.max(1, terminal.cols - promptWidth - 1);
    const from = Math.max(0, cursor - room);
    const back = text.slice(cursor, from + room).length;
    terminal.write(
      `\r\u001b[J${prompt}${text.slice(from, from + room)}${back > 0 ? `\u001b[${back}D` : ""}`,
    );
  };
  const enter = async (line: string): Promise<void> => {
    const word = line.trim();
    terminal.write(`\r\u001b[J${prompt}${line}\r\n`);
    remember(editor.history);
    if (word === "exit") return leave();
    if (word === "clear") terminal.write("\u001b[H\u001b[2J\u001b[3J");
    else if (word !== "") {
      busy = true;
      await run(line);
      busy = false;
    }
    if (on) ask();
  };

  terminal.onData((data) => {
    for (const key of keysOf(data)) {
      if (!on || busy) return;
      const pressed = press(editor, key);
      if (pressed.kind === "leave") continue; // a page is left by its links
      editor = pressed.editor;
      if (pressed.kind === "enter") {
        void enter(pressed.line);
        continue;
      }
      const { choices } = editor;
      if (choices.length > 0)
        above(`${choices.map((line) => line.trim().split(" ").at(-1)).join("  ")}\n`); // prettier-ignore
      else ask();
    }
  });
  new ResizeObserver(resize).observe(screen);
  resize();
  above("help shows what there is\n");
  terminal.focus();

  return {
    write: above,
    enable(next) {
      if (on === next) return;
      on = next;
      above(
        on
          ? "the terminal is on again\n"
          : "the terminal is switched off: terminalMode is disabled\n",
      );
    },
    size(next) {
      fixed = next;
      resize();
    },
  };
}

const recall = (): string[] => (sessionStorage.getItem(kept) ?? "").split("\n").filter(Boolean);

/** For this tab only, and never the one-time code of a publish. */
function remember(lines: readonly string[]): void {
  const safe = lines.filter((line) => !/^\s*publish\s.*\s\S*\d{6}\s*$/.test(line));
  sessionStorage.setItem(kept, safe.slice(-500).join("\n"));
}
