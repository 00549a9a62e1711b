import { signal } from "@preact/signals";
import type { AlertBody, MetricsSample } from "@citadel/core/frames";
import { announce } from "../../announce.ts";
import { listen, type News } from "../../live.ts";
import { merge } from "./series.ts";

/** what came so far, and what is shown of it while somebody reads */
export const samples = signal<readonly MetricsSample[]>([]);
export const frozen = signal<readonly MetricsSample[] | undefined>(undefined);
/** by rule, as they were told since the page is open */
export const told = signal<ReadonlyMap<string, AlertBody>>(new Map());

/** ms between two alerts that are said */
const quiet = 10_000;
let said = 0;
let waiting: ReturnType<typeof setTimeout> | undefined;

/** Follows the figures and the alerts. @returns ends it */
export function followMetrics(): () => void {
  return listen(["metrics", "history", "alert"], hear);
}

function hear(news: News): void {
  if (news.type !== "broadcast") return;
  if (news.topic === "history") samples.value = merge(samples.peek(), news.body);
  if (news.topic === "metrics") samples.value = merge(samples.peek(), [news.body]);
  if (news.topic !== "alert") return;
  told.value = new Map([...told.peek(), [news.body.rule, news.body]]);
  say();
}

/** Says the state of the alerts once, at most every ten seconds. */
function say(): void {
  clearTimeout(waiting);
  waiting = setTimeout(
    () => {
      said = Date.now();
      const firing = [...told.peek().values()].filter(({ state }) => state === "firing");
      announce(
        firing.length === 0
          ? "No alert any more"
          : `Alert: ${firing.map(({ rule }) => rule).join(", ")}`,
      );
    },
    Math.max(0, said + quiet - Date.now()),
  );
}
