import type { Kind } from "../store/types.ts";

/** A feed that somebody reads. */
export interface Subscription {
  readonly url: string;
  /** what the reader calls it; absent: what it calls itself */
  readonly title?: string;
  /** groups of OPML, outermost first, joined by `/` */
  readonly folder?: string;
  /** ms since 1970 */
  readonly added: number;
  /** its server has said that there is no such feed any more: it is not asked again */
  readonly gone?: true;
}

export interface SubscriptionState {
  readonly feeds: readonly Subscription[];
}

export type SubscriptionEvent =
  | {
      readonly type: "add";
      readonly url: string;
      readonly title?: string;
      readonly folder?: string;
    }
  | { readonly type: "remove"; readonly url: string }
  /** its server has said where it is for good */
  | { readonly type: "move"; readonly url: string; readonly to: string }
  | { readonly type: "gone"; readonly url: string };

export const noSubscriptions: SubscriptionState = { feeds: [] };

/** What somebody reads: `d/subscription/<user>`. What the feeds hold, and what of it was read, is not a change: see `rss`. */
export function subscriptionKind(): Kind<SubscriptionState, SubscriptionEvent> {
  return {
    name: "subscription",
    reduce({ feeds } = noSubscriptions, event, { at }) {
      const others = feeds.filter(({ url }) => url !== event.url);
      const one = feeds.find(({ url }) => url === event.url);
      switch (event.type) {
        case "add": {
          const { type: _, ...added } = event;
          return { feeds: [...others, { ...added, added: at }] };
        }
        case "remove":
          return { feeds: others };
        case "move": {
          const taken = feeds.some(({ url }) => url === event.to);
          return { feeds: one && !taken ? [...others, { ...one, url: event.to }] : others };
        }
        case "gone":
          return { feeds: one ? [...others, { ...one, gone: true }] : feeds };
      }
    },
  };
}
