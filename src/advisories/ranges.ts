import compareVersions from "semver/functions/compare.js";
import satisfies from "semver/functions/satisfies.js";
import valid from "semver/functions/valid.js";

/** An interval of versions. */
interface Span {
  /** undefined: from the first on */
  readonly from: string | undefined;
  readonly below?: string;
  readonly upTo?: string;
}

/** What is affected, as npm's clients read it. */
export interface Affected {
  readonly vulnerable: string;
  readonly patched: string;
}

const options = { includePrerelease: true };
/** versions of a list that are of any use to anybody */
const mostVersions = 10_000;

interface Event {
  readonly kind: "introduced" | "fixed" | "last_affected" | "limit";
  readonly version: string;
}

/**
 * Ranges and lists of an OSV record as semver ranges.
 * @param affected the items of `affected` that are about one package, nothing in them trusted
 * @returns undefined when something in them cannot be read, or they say nothing
 */
export function affectedRanges(
  affected: readonly Readonly<Record<string, unknown>>[],
): Affected | undefined {
  const all: Span[] = [];
  for (const item of affected)
    for (const range of list(item["ranges"])) {
      // npm's versions are semantic ones, whatever the record calls the range; commits are of no use
      if (range["type"] !== "SEMVER" && range["type"] !== "ECOSYSTEM") continue;
      const events = eventsOf(range["events"]);
      if (!events) return undefined;
      all.push(...spansOf(events, lastKnown(item)));
    }
  const spans = merged(all);
  const ranges = spans.map(printed);
  const known = ranges.join(" || ");
  const single = affected
    .flatMap((item) => strings(item["versions"]))
    .slice(0, mostVersions)
    .map((version) => valid(version))
    .filter((version) => version !== null)
    .filter((version) => ranges.length === 0 || !satisfies(version, known, options));
  const vulnerable = [...ranges, ...new Set(single)].join(" || ");
  return vulnerable === "" ? undefined : { vulnerable, patched: patchedOf(spans) };
}

/** In order, and those that overlap or touch made one. */
function merged(spans: readonly Span[]): Span[] {
  const whole: Span[] = [];
  for (const span of spans.toSorted((a, b) => compare(a.from ?? "0", b.from ?? "0"))) {
    const last = whole.at(-1);
    const end = last && endOf(last);
    if (last && (end === undefined || compare(span.from ?? "0", end) <= 0))
      whole[whole.length - 1] = { ...(isLater(last, span) ? last : span), from: last.from };
    else whole.push(span);
  }
  return whole;
}

const endOf = ({ below, upTo }: Span): string | undefined => below ?? upTo;

/** Does `a` end later than `b`, or where it ends? */
function isLater(a: Span, b: Span): boolean {
  const [one, other] = [endOf(a), endOf(b)];
  if (one === undefined || other === undefined) return one === undefined;
  return (
    compare(one, other) > 0 || (one === other && (a.upTo !== undefined || b.upTo === undefined))
  );
}

/** In order of versions; undefined when one cannot be read. */
function eventsOf(value: unknown): Event[] | undefined {
  const events: Event[] = [];
  for (const item of list(value))
    for (const kind of ["introduced", "fixed", "last_affected", "limit"] as const) {
      const version = item[kind];
      if (version === undefined || version === "*") continue;
      const known = version === "0" ? "0" : valid(textOf(version));
      if (known === null) return undefined;
      events.push({ kind, version: known });
    }
  // what ends at a version ends before another begins there; a single version begins before it ends
  const order = { fixed: 0, limit: 0, introduced: 1, last_affected: 2 };
  return events.toSorted((a, b) => compare(a.version, b.version) || order[a.kind] - order[b.kind]);
}

function spansOf(events: readonly Event[], last: Omit<Span, "from">): Span[] {
  const spans: Span[] = [];
  let open: { readonly from: string | undefined } | undefined;
  for (const { kind, version } of events)
    if (kind === "introduced") open ??= { from: version === "0" ? undefined : version };
    else if (open) {
      spans.push({
        ...open,
        ...(kind === "last_affected" ? { upTo: version } : { below: version }),
      });
      open = undefined;
    }
  if (open) spans.push({ ...open, ...last });
  return spans;
}

/** GitHub says where an affected range ends that has no fix yet; npm shows it so. */
function lastKnown(affected: Record<string, unknown>): Omit<Span, "from"> {
  const specific = affected["database_specific"];
  const text = isObject(specific) ? specific["last_known_affected_version_range"] : undefined;
  const [, sign, version] = /^(<=?)\s*(\S{1,64})$/.exec(textOf(text)) ?? [];
  const last = version === undefined ? null : valid(version);
  if (last === null) return {};
  return sign === "<" ? { below: last } : { upTo: last };
}

function printed({ from, below, upTo }: Span): string {
  if (from !== undefined && from === upTo) return from;
  const parts = [
    ...(from === undefined ? [] : [`>=${from}`]),
    ...(below === undefined ? [] : [`<${below}`]),
    ...(upTo === undefined ? [] : [`<=${upTo}`]),
  ];
  return parts.join(" ") || "*";
}

/** From each fix on, up to where the next range begins. */
function patchedOf(spans: readonly Span[]): string {
  const parts = spans.flatMap(({ below }, n) => {
    if (below === undefined) return [];
    const next = spans[n + 1]?.from;
    return [next === undefined ? `>=${below}` : `>=${below} <${next}`];
  });
  return parts.join(" || ") || "<0.0.0";
}

const compare = (a: string, b: string): number =>
  a === b ? 0 : a === "0" ? -1 : b === "0" ? 1 : compareVersions(a, b);

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const list = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isObject) : [];
export const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
