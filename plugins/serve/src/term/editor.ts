import { complete } from "../console/words.ts";

/** A key as Node's `readline` tells it. */
export interface Key {
  readonly name?: string | undefined;
  readonly sequence?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly meta?: boolean | undefined;
}

/** A line that is being typed, and those before it. */
export interface Editor {
  readonly text: string;
  /** in UTF-16 units */
  readonly cursor: number;
  /** oldest first */
  readonly history: readonly string[];
  /** place in the history; its length for a new line */
  readonly at: number;
  /** what Tab would choose among, after it could not go on */
  readonly choices: readonly string[];
}

const mostHistory = 500;

export const newEditor = (history: readonly string[]): Editor => ({
  ...{ text: "", cursor: 0, choices: [] },
  ...{ history: history.slice(-mostHistory), at: Math.min(history.length, mostHistory) },
});

export type Pressed =
  | { readonly kind: "edit"; readonly editor: Editor }
  | { readonly kind: "enter"; readonly line: string; readonly editor: Editor }
  | { readonly kind: "leave" };

/** @param folders what `publish` may go on with */
export function press(
  editor: Editor,
  { name, sequence = "", ctrl = false, meta = false }: Key,
  folders?: (typed: string) => readonly string[],
): Pressed {
  const { text, cursor, history, at } = editor;
  const set = (next: string, to: number): Pressed => ({
    kind: "edit",
    editor: { ...editor, text: next, cursor: to, choices: [] },
  });
  const recall = (to: number): Pressed => {
    const line = history[to] ?? "";
    const place = Math.max(0, Math.min(history.length, to));
    if (to < 0) return { kind: "edit", editor };
    return { kind: "edit", editor: { ...editor, text: line, cursor: line.length, at: place, choices: [] } }; // prettier-ignore
  };
  if (ctrl)
    switch (name) {
      case "c":
        return text === "" ? { kind: "leave" } : set("", 0);
      case "d":
        return text === "" ? { kind: "leave" } : set(without(text, cursor), cursor);
      case "a":
        return set(text, 0);
      case "e":
        return set(text, text.length);
      case "u":
        return set(text.slice(cursor), 0);
      case "k":
        return set(text.slice(0, cursor), cursor);
      case "w": {
        const kept = text.slice(0, cursor).replace(/\S+\s*$/, "");
        return set(kept + text.slice(cursor), kept.length);
      }
      case "p":
        return recall(at - 1);
      case "n":
        return recall(at + 1);
      default:
        return { kind: "edit", editor };
    }
  switch (name) {
    case "return":
    case "enter": {
      const last = history.at(-1);
      const kept = text.trim() === "" || text === last ? history : [...history, text];
      return { kind: "enter", line: text, editor: newEditor(kept) };
    }
    case "escape":
      return text === "" ? { kind: "leave" } : set("", 0);
    case "tab": {
      const choices = complete(text.slice(0, cursor), folders);
      const common = commonStart(choices);
      if (choices.length === 0) return { kind: "edit", editor };
      const done = choices.length === 1 ? `${common} ` : common;
      const longer = done.length > cursor;
      return {
        kind: "edit",
        editor: {
          ...editor,
          text: longer ? done + text.slice(cursor) : text,
          cursor: longer ? done.length : cursor,
          choices: choices.length > 1 ? choices : [],
        },
      };
    }
    case "up":
      return recall(at - 1);
    case "down":
      return recall(at + 1);
    case "left":
      return set(text, stepBack(text, cursor));
    case "right":
      return set(text, cursor + (letterAt(text, cursor)?.length ?? 0));
    case "home":
      return set(text, 0);
    case "end":
      return set(text, text.length);
    case "backspace": {
      const from = stepBack(text, cursor);
      return set(text.slice(0, from) + text.slice(cursor), from);
    }
    case "delete":
      return set(without(text, cursor), cursor);
    default: {
      const printable = !meta && sequence !== "" && !/\p{Cc}/u.test(sequence);
      if (!printable) return { kind: "edit", editor };
      return set(text.slice(0, cursor) + sequence + text.slice(cursor), cursor + sequence.length);
    }
  }
}

const letterAt = (text: string, at: number): string | undefined => {
  const point = text.codePointAt(at);
  return point === undefined ? undefined : String.fromCodePoint(point);
};
const stepBack = (text: string, at: number): number =>
  Math.max(0, at - (/[\udc00-\udfff]/.test(text[at - 1] ?? "") ? 2 : 1));
const without = (text: string, at: number): string =>
  text.slice(0, at) + text.slice(at + (letterAt(text, at)?.length ?? 0));

function commonStart(words: readonly string[]): string {
  let [start = ""] = words;
  for (const word of words) while (!word.startsWith(start)) start = start.slice(0, -1);
  return start;
}
