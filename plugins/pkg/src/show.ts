import { readmeText, safeText, type OutlineItem } from "@citadel/core/documents";
import { clean } from "@citadel/core/terminal";
import type { Match } from "@citadel/core/advisories";
import type { PackageDocuments, Text } from "./documents.ts";

export const sections = [
  "readme",
  "api",
  "changelog",
  "exports",
  "examples",
  "license",
  "advisories",
] as const;
export type Section = (typeof sections)[number];

export interface Style {
  readonly strong: (text: string) => string;
  readonly dim: (text: string) => string;
  /** columns; undefined: no terminal */
  readonly width: number | undefined;
}

/** Documents as text for a terminal or a pipe. */
export async function showDocuments(
  documents: PackageDocuments,
  advisories: readonly Match[],
  wanted: readonly Section[],
  style: Style,
): Promise<string> {
  const { name, version, description, license, links, origin } = documents;
  const parts = [
    [
      style.strong(clean(`${name}@${version}`)),
      ...(description ? [clean(description)] : []),
      style.dim(
        clean(
          [license.id ?? "no licence", ...(origin === "here" ? [] : [`from ${origin}`]), ...Object.values(links)].join(" | "), // prettier-ignore
        ),
      ),
    ].join("\n"),
  ];
  for (const section of wanted) {
    const text = await textOf(section, documents, advisories, style);
    if (text) parts.push(`${style.strong(titles[section])}\n\n${text}`);
  }
  return parts.join("\n\n");
}

const titles: Readonly<Record<Section, string>> = {
  readme: "README",
  api: "API",
  changelog: "CHANGELOG",
  exports: "EXPORTS",
  examples: "EXAMPLES",
  license: "LICENCE",
  advisories: "ADVISORIES",
};

async function textOf(
  section: Section,
  { readme, changelog, outline, examples, license, entry }: PackageDocuments,
  advisories: readonly Match[],
  style: Style,
): Promise<string | undefined> {
  const written = async (one: Text | null): Promise<string | undefined> =>
    one
      ? (await readmeText(one.text, style.width ?? Infinity)).text + (one.cut ? "\n…" : "")
      : undefined;
  switch (section) {
    case "readme":
      return written(readme);
    case "changelog":
      return written(changelog);
    case "license":
      return license.text === null ? undefined : safeText(license.text).trim();
    case "exports":
      return safeText(JSON.stringify(entry, null, 2));
    case "examples":
      return examples
        .map(({ file, text }) => `${style.strong(clean(file))}\n\n${safeText(text).trimEnd()}`)
        .join("\n\n");
    case "advisories":
      return advisories
        .map(({ advisory: { osv, severity, title, url, vulnerable } }) =>
          clean(`${osv} (${severity}) ${title}, in ${vulnerable}: ${url}`),
        )
        .join("\n");
    case "api":
      return outline.items.map((item) => apiText(item, style)).join("\n");
  }
}

function apiText(item: OutlineItem, { dim }: Style): string {
  const from = item.subpath === "." ? "" : dim(`  from ${clean(item.subpath)}`);
  const head = headOf(item).split("\n");
  const doc = item.doc?.split(/\n\s*\n/, 1)[0];
  return [
    head[0] + from,
    ...head.slice(1),
    ...(item.deprecated === undefined ? [] : [`    deprecated ${safe(item.deprecated)}`.trimEnd()]),
    ...(doc === undefined
      ? []
      : safe(doc)
          .split("\n")
          .map((line) => dim(`    ${line}`))),
    ...(item.members ?? []).flatMap((member) =>
      headOf(member)
        .split("\n")
        .map((line) => `  ${line}${member.deprecated === undefined ? "" : dim("  deprecated")}`),
    ),
  ].join("\n");
}

/** The signature, which may not name what is exported. */
const headOf = ({ name, signature }: OutlineItem): string => {
  const text = safe(signature);
  return text.includes(name) ? text : `${safe(name)}: ${text}`;
};

const safe = (text: string): string => safeText(text).trim();
