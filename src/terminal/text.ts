import { stripVTControlCharacters } from "node:util";

const control = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu;
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60\u3000-\u303f]/u;
const nothing = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Foreign text on one line without anything that steers a terminal or turns the direction of writing. */
export const clean = (text: string): string =>
  stripVTControlCharacters(text).replace(control, " ").trim();

/** One line of text whose colours stay; everything else that steers a terminal goes. */
export const coloured = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex -- the sequence is what it looks for
    .split(/(\u001b\[[\d;]*m)/)
    .map((part, n) => (n % 2 === 1 ? part : stripVTControlCharacters(part).replace(control, " ")))
    .join("");

/** Columns that text takes in a terminal. */
export function columns(text: string): number {
  let sum = 0;
  for (const letter of stripVTControlCharacters(text))
    sum += nothing.test(letter) ? 0 : wide.test(letter) ? 2 : 1;
  return sum;
}

/** The text in at most `width` columns, with an ellipsis where something was cut. */
export function cut(text: string, width: number, ellipsis: string): string {
  if (columns(text) <= width) return text;
  let kept = "";
  let sum = columns(ellipsis);
  for (const letter of text) {
    sum += columns(letter);
    if (sum > width) break;
    kept += letter;
  }
  return width < columns(ellipsis) ? "" : kept.trimEnd() + ellipsis;
}
