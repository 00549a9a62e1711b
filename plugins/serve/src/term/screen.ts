/** What of a terminal is drawn on. */
export interface Canvas {
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

/** The whole of a terminal, given back as it was. */
export interface Screen {
  /** Draws what is not there yet, and puts the cursor into the last line. @param cursor column, from 0 */
  show(lines: readonly string[], cursor: number): void;
  /** Draws everything at the next `show`: the size has changed, or somebody else has written. */
  forget(): void;
  /** Once or often, from any place, at any time. */
  restore(): void;
}

const enter = "\u001b[?1049h\u001b[H\u001b[2J";
const leave = "\u001b[0m\u001b[?25h\u001b[?1049l";

export function openScreen(canvas: Canvas): Screen {
  let drawn: readonly string[] = [];
  let open = true;
  canvas.write(enter);
  return {
    show(lines, cursor) {
      if (!open) return;
      const parts = ["\u001b[?25l"];
      for (const [n, line] of lines.entries())
        if (line !== drawn[n]) parts.push(`\u001b[${n + 1};1H${line}\u001b[0m\u001b[K`);
      parts.push(`\u001b[${lines.length};${cursor + 1}H\u001b[?25h`);
      drawn = lines;
      canvas.write(parts.join(""));
    },
    forget() {
      drawn = [];
      if (open) canvas.write("\u001b[2J");
    },
    restore() {
      if (!open) return;
      open = false;
      canvas.write(leave);
    },
  };
}
