import type { Key } from "../../../src/term/editor.ts";

const named: Readonly<Record<string, Key>> = {
  "\r": { name: "return" },
  "\t": { name: "tab" },
  "\u007f": { name: "backspace" },
  "\u001b": { name: "escape" },
  "\u001b[A": { name: "up" },
  "\u001b[B": { name: "down" },
  "\u001b[C": { name: "right" },
  "\u001b[D": { name: "left" },
  "\u001b[H": { name: "home" },
  "\u001b[F": { name: "end" },
  "\u001b[3~": { name: "delete" },
};

// oxlint-disable-next-line no-control-regex -- keys are told as control sequences
const parts = /\u001b(?:\[[\d;]*[A-Za-z~])?|[\0-\x1f\u007f]|[^\0-\x1f\u007f]+/g;

/** What a terminal sends for keys and pasted text, key by key. */
export function keysOf(data: string): readonly Key[] {
  return (data.match(parts) ?? []).map((part) => {
    const known = named[part];
    if (known) return known;
    const code = part.charCodeAt(0);
    if (part.length === 1 && code > 0 && code < 27)
      return { ctrl: true, name: String.fromCharCode(code + 96) };
    return { sequence: part };
  });
}
