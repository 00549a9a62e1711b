import { emitKeypressEvents } from "node:readline";
import { cut, type Terminal } from "@citadel/core/terminal";
import type { Backend, Left } from "./backend.ts";
import { draw } from "./draw.ts";
import { newEditor, press, type Key } from "./editor.ts";
import { foldersBelow } from "./folders.ts";
import { openScreen } from "./screen.ts";

const prompt = "> ";
/** ms between two looks at the clock */
const second = 1000;

/** The dashboard on the whole terminal, until somebody leaves it or the bytes want another mode. */
export async function fullScreen(
  backend: Backend,
  { out, unicode }: Terminal,
  history: string[],
  signal: AbortSignal,
): Promise<Left> {
  const { stdin, stdout } = process;
  const left = Promise.withResolvers<Left>();
  const screen = openScreen(stdout);
  let editor = newEditor(history);
  let busy = false;
  let planned = false;

  const paint = (): void => {
    planned = false;
    const width = stdout.columns || 80;
    const height = stdout.rows || 24;
    const look = { width, height, unicode, palette: out.palette };
    const model = backend.model();
    const { choices, text, cursor } = editor;
    const shown = choices.length === 0 ? model : { ...model, output: [...model.output, choices.map((each) => each.trim().split(" ").at(-1)).join("  ")] }; // prettier-ignore
    const lines = draw(shown, look, Date.now());
    const room = Math.max(1, width - prompt.length - 1);
    const from = Math.max(0, cursor - room);
    const line = `${prompt}${cut(text.slice(from), room, "")}`;
    screen.show([...lines.slice(0, -1), line], Math.min(width - 1, prompt.length + cursor - from));
  };
  const plan = (): void => {
    if (planned) return;
    planned = true;
    setImmediate(paint);
  };
  const changed = (): void => {
    if (backend.mode() !== "raw") left.resolve("mode");
    plan();
  };
  const resized = (): void => {
    screen.forget();
    plan();
  };
  const run = async (line: string): Promise<void> => {
    const word = line.trim();
    if (word === "exit") return left.resolve("exit");
    if (word === "clear") return backend.clear();
    if (word === "") return;
    history.push(line);
    backend.say(`${prompt}${line}\n`);
    busy = true;
    await backend.run(line).finally(() => (busy = false));
  };
  const typed = (_: string | undefined, key: Key): void => {
    if (key.ctrl && key.name === "l") return resized();
    const pressed = press(editor, key, foldersBelow);
    if (pressed.kind === "leave") return left.resolve("exit");
    if (pressed.kind === "enter" && busy) return;
    editor = pressed.editor;
    if (pressed.kind === "enter") void run(pressed.line).finally(plan);
    plan();
  };

  emitKeypressEvents(stdin);
  const restore = (): void => {
    screen.restore();
    if (stdin.isTTY) stdin.setRawMode(false);
  };
  const hangUp = (): void => process.exit(129);
  // whatever ends the process, the terminal is given back before anything is said about it
  process.on("exit", restore).on("uncaughtExceptionMonitor", restore).on("SIGHUP", hangUp);
  stdin.setRawMode(true);
  stdin.on("keypress", typed).resume();
  stdout.on("resize", resized);
  const ended = (): void => left.resolve("exit");
  signal.addEventListener("abort", ended);
  stdin.on("end", ended);
  const unlisten = backend.onChange(changed);
  const clock = setInterval(plan, second);
  paint();
  try {
    return await left.promise;
  } finally {
    clearInterval(clock);
    unlisten();
    signal.removeEventListener("abort", ended);
    stdin.off("keypress", typed).off("end", ended).pause();
    stdout.off("resize", resized);
    restore();
    process.off("exit", restore).off("uncaughtExceptionMonitor", restore).off("SIGHUP", hangUp);
  }
}
