import { all } from "../lookup.ts";
import { createFinder, type Finder, type Pattern } from "../mask/finder.ts";
import { formsOf } from "../mask/forms.ts";
import type { Opened, Session } from "../session.ts";

/** of each secret, newest first */
const mostVersions = 3;

/** What recognises the values that this identity can open, in any form; none is handed out. Made anew when the vault has changed. */
export function createTraces({ look }: Session): () => Promise<Finder> {
  let known: { readonly head: string; readonly finder: Finder } | undefined;
  return () =>
    look(async (opened) => {
      const { head } = opened.state;
      if (known?.head !== head) known = { head, finder: createFinder(await patternsOf(opened)) };
      return known.finder;
    });
}

async function patternsOf({ state, contents }: Opened): Promise<Pattern[]> {
  const patterns: Pattern[] = [];
  for await (const { secret, scope, label, name } of all(state, contents)) {
    const live = secret.versions.filter((version) => version.state === "live");
    for (const { record } of live.slice(-mostVersions)) {
      const value = await contents.get(record, scope);
      if (isTelling(value))
        for (const bytes of formsOf(value, false))
          patterns.push({ name: `${label.name}/${name}`, bytes });
      value.fill(0);
    }
  }
  return patterns;
}

/** Whether a value found somewhere tells that it is this one: short ones and words stand everywhere. */
const isTelling = (value: Buffer): boolean =>
  value.length >= 12 ||
  (value.length >= 8 && !/^(?:[a-z]+|[A-Z]+|\d+)$/.test(value.toString("latin1")));
