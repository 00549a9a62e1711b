import parse from "spdx-expression-parse";
import satisfies from "spdx-satisfies";
import type { LicenseRule } from "./types.ts";

/** characters of an expression; its parser calls itself */
const longest = 512;

/** What the parser's types leave out. */
type Leaf = parse.LicenseInfo & { readonly exception?: string };

/** The tree of an SPDX expression; undefined for what is none. */
export function parseLicense(text: string): parse.Info | undefined {
  if (text.length > longest) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a version may have this licence: one side of an `OR` is enough, an `AND` needs both. */
export function licenseJudge(
  rule: LicenseRule,
): (license: string | undefined) => "fine" | "refused" | "unknown" {
  const listed = (leaf: parse.LicenseInfo): boolean => satisfies(textOf(leaf), rule.ids);
  const fine = (node: parse.Info): boolean => {
    if ("conjunction" in node) {
      const { left, right } = node;
      return node.conjunction === "or" ? fine(left) || fine(right) : fine(left) && fine(right);
    }
    return listed(node) === (rule.list === "only");
  };
  return (license) => {
    const tree = license === undefined ? undefined : parseLicense(license);
    if (!tree) return "unknown";
    return fine(tree) ? "fine" : "refused";
  };
}

const textOf = ({ license, plus, exception }: Leaf): string =>
  `${license}${plus ? "+" : ""}${exception === undefined ? "" : ` WITH ${exception}`}`;
