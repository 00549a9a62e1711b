import { stripVTControlCharacters } from "node:util";

const signs: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" },
};

/** Text for HTML, also between quotes. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (sign) => signs[sign] ?? sign);

/** Lines of text without anything that steers a terminal or turns the direction of writing. */
export const safeText = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/\r\n?/g, "\n")
    .replaceAll("\t", "    ")
    .replace(/[^\P{Cc}\n]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "");

/** HTML without control characters, which entities may have stood for. */
export const printable = (html: string): string => html.replace(/[^\P{Cc}\n\t]/gu, "");
