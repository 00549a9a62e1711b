import { generateOpml, parseOpml } from "feedsmith";
import { CitadelError } from "@citadel/core/errors";
import { legal } from "@citadel/core/feeds";
import type { Subscription } from "@citadel/core/subscriptions";
import { decode } from "./decode.ts";
import { guard } from "./guard.ts";

/** A feed of an OPML file. */
export type Listed = Omit<Subscription, "added" | "gone">;

interface Outline {
  readonly text?: string;
  readonly title?: string;
  readonly xmlUrl?: string;
  readonly outlines?: readonly Outline[];
}

/**
 * The feeds that an OPML file lists, with the groups that they are in.
 * @throws E_INVALID_DOCUMENT
 */
export function readOpml(bytes: Uint8Array): Listed[] {
  const guarded = guard(decode(bytes, undefined));
  const bad = (why: string): CitadelError =>
    new CitadelError("E_INVALID_DOCUMENT", `the file is no OPML: ${why}`, {
      hint: ["give a file that another reader has exported as OPML"],
    });
  if ("refused" in guarded) throw bad(guarded.refused);
  let outlines: readonly Outline[];
  try {
    outlines = parseOpml(guarded.xml).body?.outlines ?? [];
  } catch {
    throw bad("it cannot be read");
  }
  const found: Listed[] = [];
  const visit = (list: readonly Outline[], path: readonly string[]): void => {
    for (const { text, title, xmlUrl, outlines: inner = [] } of list) {
      const name = (text ?? title ?? "").trim();
      if (xmlUrl !== undefined && URL.canParse(xmlUrl))
        found.push({
          url: xmlUrl,
          ...(name !== "" && { title: name }),
          ...(path.length > 0 && { folder: path.join("/") }),
        });
      visit(inner, name === "" ? path : [...path, name.replaceAll("/", "-")]);
    }
  };
  visit(outlines, []);
  return found;
}

/** The same feeds as OPML 2.0. */
export function writeOpml(
  feeds: readonly (Listed & { readonly link?: string | undefined })[],
): string {
  interface Group {
    readonly text: string;
    readonly outlines: (Group | Leaf)[];
  }
  interface Leaf {
    readonly text: string;
    readonly title: string;
    readonly type: "rss";
    readonly xmlUrl: string;
    readonly htmlUrl?: string;
  }
  const root: Group = { text: "", outlines: [] };
  for (const { url, title, folder, link } of feeds) {
    let at = root;
    for (const name of folder?.split("/").filter(Boolean) ?? []) {
      const text = legal(name);
      let next = at.outlines.find((one): one is Group => "outlines" in one && one.text === text);
      if (!next) at.outlines.push((next = { text, outlines: [] }));
      at = next;
    }
    const name = legal(title ?? url);
    at.outlines.push({
      ...{ text: name, title: name, type: "rss", xmlUrl: url },
      ...(link !== undefined && { htmlUrl: link }),
    });
  }
  return generateOpml({ head: { title: "Feeds" }, body: { outlines: root.outlines } });
}
