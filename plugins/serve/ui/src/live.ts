import { computed, signal } from "@preact/signals";
import { usualTopics, type Topic } from "@citadel/core/frames";
import {
  connectLive,
  type LiveClient,
  type LiveClientOptions,
  type LiveState,
} from "@citadel/core/live-client";
import { notify } from "./announce.ts";
import { base } from "./router.ts";
import { loadSession } from "./session.ts";

export type News = Parameters<LiveClientOptions["onNews"]>[0];

interface Listener {
  readonly topics: readonly Topic[];
  readonly hear: (news: News) => void;
}

const state = signal<LiveState>("connecting");
/** How the one socket of this page is: `live`, `reconnecting`, or `over` after which it does not come back. */
export const connection = computed(() => {
  if (state.value === "open") return "live";
  return state.value === "ended" ? "over" : "reconnecting";
});

/** ms that the socket stays when nobody listens: whoever goes from one screen to the next needs it again at once */
const linger = 5000;

let client: LiveClient | undefined;
let leaving: ReturnType<typeof setTimeout> | undefined;
let listeners: readonly Listener[] = [];

/** Who looks at another tab needs no figures. */
const wanted = (): readonly Topic[] => [
  ...new Set([
    ...usualTopics,
    ...(document.visibilityState === "visible" ? listeners.flatMap(({ topics }) => topics) : []),
  ]),
];

/** Hears of these topics over the socket that all parts of the page share. @returns ends it */
export function listen(topics: readonly Topic[], hear: Listener["hear"]): () => void {
  const listener = { topics, hear };
  listeners = [...listeners, listener];
  clearTimeout(leaving);
  if (client && client.state() !== "ended") client.listen(wanted());
  else open();
  return () => {
    listeners = listeners.filter((each) => each !== listener);
    client?.listen(wanted());
    if (listeners.length > 0) return;
    leaving = setTimeout(() => {
      client?.close();
      client = undefined;
    }, linger);
  };
}

function open(): void {
  const made = connectLive({
    url: new URL(`${base}/ws`, location.href),
    topics: wanted(),
    onState: (next) => {
      if (client && client !== made) return;
      state.value = next;
      // the session is over, or may no longer do this
      if (next === "ended" && listeners.length > 0) void loadSession();
    },
    onNews: (news) => {
      if (news.type === "broadcast" && news.topic === "notice") notify(news.body.text);
      for (const { hear } of listeners) hear(news);
    },
  });
  client = made;
}

/** Tries to connect again at once. */
export function reconnect(): void {
  if (client?.state() === "ended") open();
  else client?.retry();
}

document.addEventListener("visibilitychange", () => client?.listen(wanted()));
