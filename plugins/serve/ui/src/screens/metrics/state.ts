import { signal } from "@preact/signals";
import type { AlertBody, MetricsSample } from "@citadel/core/frames";
import { announce } from "../../announce.ts";
import { listen, type News } from "../../live.ts";
import { merge } from "./series.ts";

/** what came so far, and what is shown of it while somebody reads */
export const samples = signal<readonly MetricsSample[]>([]);
export const frozen = signal<readonly MetricsSample[] | undefined>(undefined);
/** ms since 1970, by the clock of this browser, when the newest came; that of the server may go otherwise */
export const heard = signal(0);
/** by rule, as they were told since the page is open */
export const told = signal<ReadonlyMap<string, AlertBody>>(new Map());

/** ms between two alerts that are said */
const quiet = 10_000;
let said = { at: 0, text: "" };
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Follows the figures and the alerts. @returns ends it */
export function followMetrics(): () => void {
  return listen(["metrics", "history", "alert"], hear);
}

function hear(news: News): void {
  if (news.type !== "broadcast") return;
  if (news.topic === "history") take(news.body);
  if (news.topic === "metrics") take([news.body]);
  if (news.topic !== "alert") return;
  told.value = new Map([...told.peek(), [news.body.rule, news.body]]);
  say();
}

function take(came: readonly MetricsSample[]): void {
  const before = samples.peek().at(-1)?.time;
  samples.value = merge(samples.peek(), came);
  if (samples.peek().at(-1)?.time !== before) heard.value = Date.now();
}

/** Says the state of the alerts once, at most every ten seconds, and no state twice in a row. */
function say(): void {
  clearTimeout(waiting);
  waiting = setTimeout(
    () => {
      const firing = [...told.peek().values()].filter(({ state }) => state === "firing");
      const text =
        firing.length === 0
          ? "No alert any more"
          : `Alert: ${firing.map(({ rule }) => rule).join(", ")}`;
      if (text !== said.text) announce(text);
      said = { at: Date.now(), text };
    },
    Math.max(0, said.at + quiet - Date.now()),
  );
}
