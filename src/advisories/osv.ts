import { createHash } from "node:crypto";
import cvss from "ae-cvss-calculator";
import { affectedRanges, isObject, list, strings, textOf } from "./ranges.ts";
import { severities, type Advisory, type Severity } from "./types.ts";

/** characters of a title */
const longestTitle = 300;

export interface OsvRecord {
  readonly id: string;
  /** ISO 8601 */
  readonly modified: string;
  readonly withdrawn: boolean;
  /** one for each npm package; empty for a record of other ecosystems */
  readonly advisories: readonly Advisory[];
}

/** An OSV record for npm; the reason why it is none, otherwise. Nothing in it is trusted. */
export function parseOsv(text: string): OsvRecord | string {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (!isObject(record)) return "it is no object";
  const { id } = record as { id?: unknown };
  const modified = dateOf(record["modified"]);
  if (typeof id !== "string" || !/^[\w.:-]{1,100}$/.test(id)) return "it has no id";
  if (modified === undefined) return "it has no date of modification";
  const affected = list(record["affected"]).filter(isOfNpm);
  const withdrawn = record["withdrawn"] !== undefined && record["withdrawn"] !== null;
  const advisories: Advisory[] = [];
  for (const [name, items] of Map.groupBy(affected, nameOf)) {
    const ranges = affectedRanges(items);
    if (!ranges) return `the versions of ${JSON.stringify(name)} cannot be read`;
    const about = aboutAll(record, id, items[0]?.["severity"]);
    advisories.push({ osv: id, id: numberOf(id, name), name, ...ranges, ...about, modified });
  }
  return { id, modified, withdrawn, advisories };
}

function isOfNpm(affected: Record<string, unknown>): boolean {
  const of = affected["package"];
  return isObject(of) && of["ecosystem"] === "npm" && isName(of["name"]);
}

const isName = (name: unknown): boolean =>
  typeof name === "string" && name !== "" && name.length <= 214 && !/[\s\p{Cc}]/u.test(name);

const nameOf = (affected: Record<string, unknown>): string =>
  String((affected["package"] as Record<string, unknown>)["name"]);

/** A number that JavaScript, and a client that keeps it as text, holds exactly. */
function numberOf(id: string, name: string): number {
  return createHash("sha256").update(`${id} ${name}`).digest().readUIntBE(0, 6);
}

function aboutAll(record: Record<string, unknown>, id: string, severity: unknown) {
  const specific = isObject(record["database_specific"]) ? record["database_specific"] : {};
  const known = [id, ...strings(record["aliases"])];
  const rating = cvssOf(severity) ?? cvssOf(record["severity"]);
  return {
    title: titleOf(record, id),
    url: urlOf(record, known),
    severity: severityOf(specific["severity"], rating?.score, id),
    cwe: strings(specific["cwe_ids"]).filter((cwe) => /^CWE-\d{1,6}$/.test(cwe)),
    cves: [...new Set(known.filter((alias) => /^CVE-\d{4}-\d{4,}$/.test(alias)))],
    cvss: rating ?? { score: 0, vectorString: null },
    published: dateOf(record["published"]) ?? null,
  };
}

function titleOf(record: Record<string, unknown>, id: string): string {
  const { summary, details } = record as { summary?: unknown; details?: unknown };
  const text = [summary, details].find((one) => typeof one === "string" && one.trim() !== "");
  if (typeof text !== "string") return id;
  const [line = ""] = text.trim().split("\n", 1);
  return line
    .replace(/^#+\s*/, "")
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim()
    .slice(0, longestTitle)
    .toWellFormed();
}

/** Where people read on; clients take the GHSA id out of it. */
function urlOf(record: Record<string, unknown>, known: readonly string[]): string {
  const ghsa = known.find((id) => /^GHSA(?:-[0-9a-z]{4}){3}$/i.test(id));
  if (ghsa !== undefined) return `https://github.com/advisories/${ghsa}`;
  for (const { type, url } of list(record["references"]))
    if (type === "ADVISORY" && typeof url === "string" && url.length < 1000 && URL.canParse(url))
      if (/^https?:$/.test(new URL(url).protocol)) return new URL(url).href;
  return `https://osv.dev/vulnerability/${known[0] ?? ""}`;
}

/** The newest vector that can be read. */
function cvssOf(value: unknown): Advisory["cvss"] | undefined {
  for (const type of ["CVSS_V3", "CVSS_V4"])
    for (const { type: of, score: vector } of list(value)) {
      if (of !== type || typeof vector !== "string" || vector.length > 300) continue;
      const score = scoreOf(vector);
      if (score !== undefined) return { score, vectorString: vector };
    }
  return undefined;
}

function scoreOf(vector: string): number | undefined {
  try {
    const scores = (
      cvss.fromVector(vector) as { calculateScores(): { base?: unknown } } | null
    )?.calculateScores();
    return typeof scores?.base === "number" ? scores.base : undefined;
  } catch {
    return undefined;
  }
}

/** What the database says itself, else by the score as CVSS rates it; what nobody has rated is taken seriously. */
function severityOf(stated: unknown, score: number | undefined, id: string): Severity {
  const word = textOf(stated).toLowerCase();
  const known = word === "medium" ? "moderate" : severities.find((one) => one === word);
  if (known) return known;
  if (id.startsWith("MAL-")) return "critical";
  if (score === undefined) return "high";
  if (score === 0) return "info";
  return score < 4 ? "low" : score < 7 ? "moderate" : score < 9 ? "high" : "critical";
}

/** ISO 8601, as RFC 3339 writes it. */
function dateOf(value: unknown): string | undefined {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT/.test(value)) return undefined;
  const time = Date.parse(value);
  return Number.isFinite(time) ? new Date(time).toISOString() : undefined;
}
