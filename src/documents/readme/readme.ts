import { confined } from "../confined.ts";
import { escaped, printable, safeText } from "./escape.ts";
import type { Places, ReadmeHtml, ReadmeText } from "./types.ts";

/** Goes up with every change of what comes out, for those who keep it. */
export const rendererVersion = 2;

const most = 2 ** 20;
/** MB, ms */
const limits = { memory: 256, work: 250, patience: 2500, start: 5000 };

/** What the worker is asked for. */
export type Wanted =
  | { readonly to: "html"; readonly source: string; readonly places: Places }
  | { readonly to: "text"; readonly source: string; readonly width: number };

const inWorker = <T>(wanted: Wanted): Promise<T | undefined> =>
  confined<T>(new URL("./worker.js", import.meta.url), wanted, limits);

/** A README of somebody as HTML: elements, attributes and addresses by a list, no request of the reader's browser elsewhere. */
export async function readmeHtml(source: string, places: Places = {}): Promise<ReadmeHtml> {
  const { text, cut } = capped(source);
  const made = await inWorker<Omit<ReadmeHtml, "cut">>({ to: "html", source: text, places });
  return made ? { ...made, cut } : asWritten(text, cut);
}

/** The same of a text that is no Markdown. */
export function plainHtml(source: string): ReadmeHtml {
  const { text, cut } = capped(source);
  return asWritten(text, cut);
}

const asWritten = (text: string, cut: boolean): ReadmeHtml => ({
  html: `<pre>${escaped(printable(text))}</pre>\n`,
  headings: [],
  from: "text",
  cut,
});

/** A README for a terminal. @param width columns; Infinity: lines are not broken */
export async function readmeText(source: string, width = Infinity): Promise<ReadmeText> {
  const { text, cut } = capped(source);
  const made = await inWorker<string>({ to: "text", source: text, width });
  return { text: made ?? safeText(text), cut };
}

const capped = (source: string): { readonly text: string; readonly cut: boolean } => ({
  text: source
    .slice(0, most)
    .toWellFormed()
    .replace(/^\uFEFF/, ""),
  cut: source.length > most,
});
