import { logger, type Citadel } from "@citadel/core";
import type { PackageBody, SecurityBody, Topic } from "@citadel/core/frames";
import { eventsBetween } from "@citadel/core/changes";
import { describeEvent, itemsOf, openTail } from "@citadel/core/journal";
import type { Heard } from "@citadel/core/deliveries";
import { kinds } from "@citadel/core/kinds";
import { noticeText } from "@citadel/core/notices";
import type { PackageEvent } from "@citadel/core/registry";
import type { Hub } from "./hub.ts";

/** ms between two looks: hints of what others change may be missing */
const looking = { package: 2000, notice: 10_000 };
/** ms after a hint: what belongs together mostly comes together */
const gathering = 50;
/** kinds of documents whose changes are no matter of security */
const ordinary: ReadonlySet<string> = new Set(["package", "batch", "stage", "advisories", "subscription"]); // prettier-ignore

/** Tells what is changed in the store, by this process or any other, to those who listen. */
export interface Events {
  /** Looks for what is listened to from now on, and for nothing else. */
  follow(listens: (topic: Topic) => boolean): void;
}

export function createEvents(citadel: Citadel, hub: Hub): Events {
  const log = logger("live");
  const sources = { package: packageSource, security: securitySource, notice: noticeSource };
  const running = new Map<Topic, AbortController>();
  const start = (topic: keyof typeof sources): void => {
    const ending = new AbortController();
    running.set(topic, ending);
    sources[topic](citadel, hub, ending.signal).catch((error: unknown) => {
      log(`nothing is told of ${topic}`, { error });
      if (running.get(topic) === ending) running.delete(topic);
    });
  };
  return {
    follow(listens) {
      for (const topic of ["package", "security", "notice"] as const) {
        const ending = running.get(topic);
        if (listens(topic)) {
          if (!ending) start(topic);
        } else if (ending) {
          ending.abort();
          running.delete(topic);
        }
      }
    },
  };
}

async function packageSource(citadel: Citadel, hub: Hub, signal: AbortSignal): Promise<void> {
  const { registry } = citadel;
  const changes = await citadel.changes();
  let seen = await changes.look();
  await lookAgain(citadel, "package", looking.package, signal, async () => {
    const last = await changes.look();
    for (; seen < last && !signal.aborted; seen++) {
      const change = changes.numbered(seen + 1);
      if (!change) continue;
      const { name, after, rev } = change;
      for (const { event, who, time } of await eventsBetween(registry.packages, name, after, rev))
        hub.publish("package", packageBody(name, event, who.name, time));
    }
  });
}

/** What is for everybody of what happened to the registry. */
async function noticeSource(citadel: Citadel, hub: Hub, signal: AbortSignal): Promise<void> {
  const { notices } = citadel;
  let seen = await notices.newest();
  await lookAgain(citadel, "notice", looking.notice, signal, async () => {
    for await (const notice of notices.after(seen)) {
      seen = notice.seq;
      const text = noticeText(notice);
      if (text !== undefined) hub.publish("notice", { text });
    }
  });
}

/** Looks now and then, and soon after something was heard of, until it is over. */
async function lookAgain(
  { heard }: Pick<Citadel, "heard">,
  about: Heard,
  every: number,
  signal: AbortSignal,
  look: () => Promise<void>,
): Promise<void> {
  let wake = (): void => {};
  let hinted = false;
  const deaf = heard((what) => {
    if (what !== about) return;
    hinted = true;
    wake();
  });
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      wake = () => (clearTimeout(timer), resolve());
      signal.addEventListener("abort", wake, { once: true });
    });
  try {
    while (!signal.aborted) {
      if (!hinted) await pause(every);
      if (hinted) await new Promise((resolve) => setTimeout(resolve, gathering));
      hinted = false;
      await look();
    }
  } finally {
    deaf();
  }
}

const packageBody = (
  name: string,
  event: PackageEvent,
  who: string,
  time: number,
): PackageBody => ({
  ...{ name, event: event.type, who, time: new Date(time).toISOString() },
  text: describeEvent("package", event),
});

async function securitySource({ store }: Citadel, hub: Hub, signal: AbortSignal): Promise<void> {
  const tail = await openTail(
    store,
    kinds().filter(({ name }) => !ordinary.has(name)),
  );
  for await (const entry of tail.entries(signal))
    for (const { time, kind, name, who, address, events } of itemsOf(entry).toReversed())
      for (const { type, text } of events)
        hub.publish("security", {
          ...{ time, who, name, text, event: `${kind}.${type}` },
          ...(address !== undefined && { address }),
        } satisfies SecurityBody);
}
