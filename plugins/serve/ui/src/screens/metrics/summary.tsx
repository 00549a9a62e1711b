import { Figure } from "../../parts/figure.tsx";
import { bytes, count } from "../../format.ts";

/** What `/_api/performance/summary` says. */
export interface SummaryItem {
  /** ISO 8601 */
  readonly since: string;
  readonly window: {
    readonly failureRatio?: number;
    readonly latency: { readonly p50?: number; readonly p95?: number };
  } | null;
  readonly memory: { readonly limit: number } | null;
  readonly totals: {
    readonly requests: number;
    readonly failures: number;
    readonly bytes: number;
    readonly publishes: Readonly<Record<string, number>>;
    readonly downloads: Readonly<Record<string, number>>;
    readonly configUpdates: Readonly<Record<string, number>>;
  };
  readonly packages: number;
  readonly versions: number;
  readonly storage: readonly {
    readonly backend: string;
    readonly kind: string;
    readonly bytes: number;
  }[];
  readonly cacheHitRate: number | null;
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((all, each) => all + each, 0);
const total = (parts: SummaryItem["storage"]): number =>
  parts.reduce((all, each) => all + each.bytes, 0);
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const ms = (value: number | undefined): string =>
  value === undefined ? "–" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** What there is, and what was done since the start. */
export const Summary = ({
  window,
  totals,
  packages,
  versions,
  storage,
  cacheHitRate,
}: SummaryItem) => (
  <dl class="figures">
    <Figure label="Packages" value={count(packages)}>
      {count(versions)} {versions === 1 ? "version" : "versions"}
    </Figure>
    <Figure label="Stored" value={bytes(total(storage))}>
      {[...Map.groupBy(storage, ({ kind }) => kind)]
        .map(([kind, parts]) => [kind, total(parts)] as const)
        .filter(([, size]) => size > 0)
        .map(([kind, size]) => `${kind} ${bytes(size)}`)
        .join(", ")}
    </Figure>
    <Figure label="Requests" value={count(totals.requests)}>
      {count(totals.failures)} failed, {bytes(totals.bytes)} sent
    </Figure>
    <Figure label="Publishes" value={count(totals.publishes["ok"] ?? 0)}>
      {count(sum(totals.publishes) - (totals.publishes["ok"] ?? 0))} refused
    </Figure>
    <Figure label="Downloads" value={count(sum(totals.downloads))}>
      {Object.entries(totals.downloads)
        .filter(([, n]) => n > 0)
        .map(([from, n]) => `${count(n)} ${from}`)
        .join(", ")}
    </Figure>
    <Figure label="Answered within" value={ms(window?.latency.p95)}>
      95 of 100 requests; half of them {ms(window?.latency.p50)}
    </Figure>
    <Figure label="Cache" value={cacheHitRate === null ? "–" : percent(cacheHitRate)}>
      of the questions found there
    </Figure>
    <Figure label="Configuration" value={count(sum(totals.configUpdates))}>
      changes
    </Figure>
  </dl>
);
