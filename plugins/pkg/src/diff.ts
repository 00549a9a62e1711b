import { structuredPatch } from "diff";
import { safeText, type Outline, type OutlineItem } from "@citadel/core/documents";
import type { PackageDocuments } from "./documents.ts";

/** One difference in what two versions of a package offer. */
export interface ApiDifference {
  readonly change: "added" | "removed" | "changed" | "deprecated";
  /** with the entry point where it is not the main one, and the class of a member */
  readonly what: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface TextDifference {
  readonly what: "readme" | "changelog" | "license" | "exports";
  /** lines as `diff -u` has them: ` `, `+`, `-` and the line */
  readonly hunks: readonly { readonly at: string; readonly lines: readonly string[] }[];
}

export interface DocumentDiff {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly api: readonly ApiDifference[];
  readonly texts: readonly TextDifference[];
}

/** What changed in the documents of a package between two versions. */
export function diffDocuments(from: PackageDocuments, to: PackageDocuments): DocumentDiff {
  const pairs = [
    ["readme", from.readme?.text, to.readme?.text],
    ["changelog", from.changelog?.text, to.changelog?.text],
    ["license", from.license.text ?? from.license.id, to.license.text ?? to.license.id],
    ["exports", JSON.stringify(from.entry, null, 2), JSON.stringify(to.entry, null, 2)],
  ] as const;
  return {
    ...{ name: to.name, from: from.version, to: to.version },
    api: diffOutlines(from.outline, to.outline),
    texts: pairs.flatMap(([what, before, after]) => diffTexts(what, before ?? "", after ?? "")),
  };
}

function diffTexts(what: TextDifference["what"], before: string, after: string): TextDifference[] {
  if (before === after) return [];
  const [a, b] = [before, after].map((text) => text.replace(/\r\n?/g, "\n")) as [string, string];
  const patch = structuredPatch("", "", a, b, "", "", { context: 2, timeout: 5000 });
  // texts that have nothing in common take too long: one in place of the other
  const hunks = patch?.hunks.map(({ oldStart, oldLines, newStart, newLines, lines }) => ({
    at: `-${oldStart},${oldLines} +${newStart},${newLines}`,
    lines,
  })) ?? [{ at: "all", lines: [...signed("-", a), ...signed("+", b)] }];
  return hunks.length === 0 ? [] : [{ what, hunks }];
}

const signed = (sign: string, text: string): string[] =>
  text.split("\n").map((line) => sign + line);

function diffOutlines(from: Outline, to: Outline): ApiDifference[] {
  const [before, after] = [named(from.items), named(to.items)];
  const found: ApiDifference[] = [];
  for (const [what, { signature, deprecated }] of before) {
    const next = after.get(what);
    if (!next) found.push({ change: "removed", what, before: signature, after: null });
    else if (next.signature !== signature)
      found.push({ change: "changed", what, before: signature, after: next.signature });
    else if (next.deprecated !== undefined && deprecated === undefined)
      found.push({ change: "deprecated", what, before: signature, after: next.deprecated });
  }
  for (const [what, { signature }] of after)
    if (!before.has(what)) found.push({ change: "added", what, before: null, after: signature });
  return found;
}

const named = (items: readonly OutlineItem[]): Map<string, OutlineItem> =>
  new Map(
    items.flatMap((item) => {
      const name = item.subpath === "." ? item.name : `${item.name} of ${item.subpath}`;
      const members = item.members ?? [];
      return [
        [name, item] as const,
        ...members.map(
          (member) =>
            [`${item.name}.${member.name}${name.slice(item.name.length)}`, member] as const,
        ),
      ];
    }),
  );

/** The same as text, in the manner of `diff -u`. */
export function showDiff(
  { name, from, to, api, texts }: DocumentDiff,
  paint: { readonly strong: Paint; readonly good: Paint; readonly bad: Paint; readonly dim: Paint },
): string {
  const line = (text: string): string => {
    const safe = safeText(text).replaceAll("\n", " ");
    return safe.startsWith("+") ? paint.good(safe) : safe.startsWith("-") ? paint.bad(safe) : safe;
  };
  const parts = [paint.strong(safeText(`${name} ${from} to ${to}`))];
  if (api.length > 0)
    parts.push(
      [
        paint.strong("API"),
        ...api.flatMap(({ change, what, before, after }) => [
          `${change} ${safeText(what)}`,
          ...(change === "deprecated"
            ? [`  ${safeText(after ?? "")}`.trimEnd()].filter((text) => text !== "")
            : [
                ...(before === null ? [] : before.split("\n").map((text) => line(`-   ${text}`))),
                ...(after === null ? [] : after.split("\n").map((text) => line(`+   ${text}`))),
              ]),
        ]),
      ].join("\n"),
    );
  for (const { what, hunks } of texts)
    parts.push(
      [
        paint.strong(what.toUpperCase()),
        ...hunks.flatMap(({ at, lines }) => [paint.dim(`@@ ${at} @@`), ...lines.map(line)]),
      ].join("\n"),
    );
  if (api.length === 0 && texts.length === 0) parts.push("no document is different");
  return parts.join("\n\n");
}

type Paint = (text: string) => string;
