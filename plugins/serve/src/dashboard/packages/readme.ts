import { createTurns } from "@citadel/core";
import { plainHtml, readmeHtml, rendererVersion, type ReadmeHtml } from "@citadel/core/documents";
import { param, type Handler, type Visit } from "../../npm/room.ts";
import { textOf, type Shelf } from "./contents.ts";
import type { Kept } from "./kept.ts";
import { locate, type Located } from "./located.ts";

/** ms that a README counts which took too long: the machine may have been busy */
const patience = 600_000;

/** READMEs that are made HTML at once */
const atOnce = 2;

/** A README as the pages show it. */
export interface ReadmeItem extends ReadmeHtml {
  /** path in the package */
  readonly file: string;
}

/** `GET …/readme`: that of the version that was asked for, made harmless. */
export function createReadme(shelf: Shelf, kept: Kept): Handler {
  const turn = createTurns(atOnce);
  return async (c) => {
    const located = await locate(c.env, param(c, "name"), param(c, "spec"));
    const { name, version, content } = located;
    const prefix = new URL(c.env.site.base).pathname;
    const key = [rendererVersion, content, encodeURIComponent(`${prefix} ${name}@${version}`)];
    const readme = await kept(content === undefined ? undefined : `readme/${key.join("/")}`, () =>
      turn(() => render(c.env, shelf, located, prefix)),
    );
    return c.json({ name, version, readme });
  };
}

async function render(visit: Visit, shelf: Shelf, located: Located, prefix: string) {
  const { files } = await shelf.list(visit, located);
  const file = files.filter(({ path }) => /^readme(?:\.|$)/i.test(path)).toSorted(byForm)[0];
  if (!file) return { value: null };
  const text = textOf(await shelf.bytes(visit, located, file)) ?? "This README is no text.";
  const { name, version } = located;
  const made = isMarkdown(file.path)
    ? await readmeHtml(text, {
        files: `${prefix}_dashboard/package/${name}/v/${version}/files/`,
        images: `${prefix}_dashboard/raw/${name}/${version}/`,
      })
    : plainHtml(text);
  const value: ReadmeItem = { ...made, file: file.path };
  return isMarkdown(file.path) && made.from === "text" ? { value, ttl: patience } : { value };
}

/** As registries and npm take a file without an ending. */
const isMarkdown = (path: string): boolean => /^readme(?:\.(?:md|markdown))?$/i.test(path);

const byForm = (a: { readonly path: string }, b: { readonly path: string }): number =>
  Number(isMarkdown(b.path)) - Number(isMarkdown(a.path)) || (a.path < b.path ? -1 : 1);
