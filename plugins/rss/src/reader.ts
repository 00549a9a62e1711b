import type { Citadel } from "@citadel/core";
import type { Actor } from "@citadel/core/store";
import type { Caller } from "@citadel/core/access";
import { createEgress, type Egress } from "@citadel/core/egress";
import { CitadelError, errorCode } from "@citadel/core/errors";
import { nearest } from "@citadel/core/nearest";
import { actorOf } from "@citadel/core/registry";
import { noSubscriptions, subscriptionKind, type Subscription } from "@citadel/core/subscriptions";
import { addressIn, addressOf } from "./address.ts";
import type { Feed } from "./model.ts";
import { read } from "./read.ts";
import { request, type Answer } from "./request.ts";
import { longest, schedule, shortest, usual } from "./schedule.ts";
import { merged, openShelf, type Kept, type KeptItem } from "./shelf.ts";

/** feeds that are asked at a time */
const callers = 4;

/** A subscription with what is known of it. */
export interface Subscribed extends Subscription {
  readonly kept: Kept | undefined;
}

export type Outcome = "fetched" | "unchanged" | "moved" | "gone" | "waiting" | "failed";

export interface Report {
  readonly url: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** items that were not there before */
  readonly fresh: number;
  /** the new address */
  readonly to?: string;
  /** why it failed */
  readonly problem?: string;
  /** ms since 1970 of the next request */
  readonly next?: number;
}

/** The feeds that somebody reads. */
export interface Reader {
  list(): Promise<readonly Subscribed[]>;
  /** By address, title or beginning of one. @throws E_NOT_FOUND with the most alike */
  find(what: string): Promise<Subscribed>;
  /**
   * Subscribes; of a page to the first feed that it names.
   * @throws E_CONFLICT for one that is there, E_NOT_FOUND for one that is gone, E_REMOTE_*
   */
  add(url: string, more: { readonly title?: string; readonly folder?: string }): Promise<Added>;
  /** Subscribes to many without asking them; what is no address is left out. @returns those that are new */
  addAll(feeds: readonly Omit<Subscription, "added" | "gone">[]): Promise<readonly string[]>;
  remove(url: string): Promise<void>;
  /** Asks those that are due, or all of them. */
  refresh(
    feeds: readonly Subscribed[],
    options: { readonly force: boolean; readonly signal?: AbortSignal },
  ): Promise<readonly Report[]>;
  /** A feed that nobody subscribes to. @throws E_REMOTE_*, E_NOT_FOUND */
  look(url: string): Promise<Feed>;
  markRead(url: string, ids: ReadonlySet<string>): Promise<void>;
  close(): Promise<void>;
}

export interface Added {
  readonly url: string;
  readonly title: string;
  readonly items: number;
  /** other feeds that the page names */
  readonly others: readonly string[];
}

interface Fetched {
  /** the address that was asked for the feed */
  readonly asked: string;
  readonly answer: Answer;
  readonly feed: Feed;
  readonly others: readonly string[];
}

export function openReader({ store, settings }: Citadel, caller: Caller): Reader {
  const ledger = store.ledger(subscriptionKind());
  const user = caller.principal.name;
  const who: Actor = actorOf(caller);
  const shelf = openShelf(store, user);
  const egress: Egress = createEgress({ allow: settings.feeds.allow });

  const subscriptions = async (): Promise<readonly Subscription[]> =>
    ((await ledger.read(user))?.state ?? noSubscriptions).feeds;

  async function list(): Promise<readonly Subscribed[]> {
    const feeds = await subscriptions();
    return Promise.all(feeds.map(async (one) => ({ ...one, kept: await shelf.read(one.url) })));
  }

  /** Reads what an address has: the feed, or the first one that a page names. */
  async function fetchFeed(start: string, discovered = false): Promise<Fetched> {
    const asked = addressOf(start);
    const answer = await request(egress, asked);
    if (answer.kind === "gone")
      throw new CitadelError("E_NOT_FOUND", `${start} is gone, says its server`, {
        hint: ["look for its new address on the page of the feed"],
      });
    if (!answer.bytes) throw refusal(start, answer);
    const found = await read({
      bytes: answer.bytes,
      url: answer.url,
      contentType: answer.contentType,
    });
    if (found.kind === "feed") return { asked, answer, feed: found.feed, others: [] };
    const alternates = found.kind === "page" ? found.alternates : [];
    const [first, ...others] = alternates.map(({ url }) => url);
    if (first === undefined || discovered)
      throw useless(
        answer.url,
        found.kind === "none" ? found.why : "it is a page that names no feed",
      );
    return { ...(await fetchFeed(first, true)), others };
  }

  async function keep(
    url: string,
    answer: Answer,
    feed: Feed,
  ): Promise<{ kept: Kept; fresh: number }> {
    let fresh = 0;
    const kept = await shelf.change(url, (now) => {
      const items = merged(now.items, feed.items, Date.now());
      const known = new Set(now.items.map(({ id }) => id));
      fresh = items.filter(({ id }) => !known.has(id)).length;
      const { problem: _, validators: __, until: ___, ...rest } = now;
      return {
        ...rest,
        title: feed.title,
        ...(feed.link !== undefined && { link: feed.link }),
        format: feed.format,
        ...(answer.validators && { validators: answer.validators }),
        ...schedule(Math.max(answer.wait ?? 0, feed.ttl ?? 0) || usual),
        fails: 0,
        items,
      };
    });
    return { kept, fresh };
  }

  async function refreshOne(
    one: Subscribed,
    force: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Report> {
    const { kept, gone } = one;
    const base = { url: one.url, title: one.title ?? kept?.title ?? "", fresh: 0 };
    if (gone) return { ...base, outcome: "gone" };
    // a server that has said when it wants to be asked again is not overruled
    const due = (force ? kept?.until : kept?.next) ?? 0;
    if (due > Date.now()) return { ...base, outcome: "waiting", next: due };
    try {
      const answer = await request(egress, one.url, kept?.validators, signal);
      if (answer.kind === "gone") {
        await ledger.change(user, who, () => [{ type: "gone", url: one.url }]);
        return { ...base, outcome: "gone" };
      }
      let url = one.url;
      if (answer.kind === "unchanged") await unchanged(url, answer);
      else if (!answer.bytes)
        return await failed(base, refusal(url, answer), answer.kind === "busy" ? answer.wait : 0);
      let fresh = 0;
      let title = base.title;
      if (answer.bytes) {
        const found = await read({
          bytes: answer.bytes,
          url: answer.url,
          contentType: answer.contentType,
        });
        if (found.kind !== "feed")
          return await failed(
            base,
            useless(answer.url, found.kind === "none" ? found.why : "it is a page"),
          );
        const stored = await keep(url, answer, found.feed);
        fresh = stored.fresh;
        title = one.title ?? stored.kept.title;
      }
      if (answer.moved !== undefined) {
        const to = answer.moved;
        await shelf.move(url, to);
        await ledger.change(user, who, () => [{ type: "move", url: one.url, to }]);
        url = to;
      }
      const { next } = (await shelf.read(url)) ?? {};
      const outcome = answer.moved !== undefined ? "moved" : answer.bytes ? "fetched" : "unchanged";
      return {
        ...{ ...base, title, outcome, fresh },
        ...(answer.moved !== undefined && { to: answer.moved }),
        ...(next !== undefined && { next }),
      };
    } catch (error) {
      if (signal?.aborted || errorCode(error) === undefined) throw error;
      return failed(base, error as Error);
    }
  }

  const unchanged = (url: string, answer: Answer): Promise<Kept> =>
    shelf.change(url, ({ problem: _, until: __, ...now }) => ({
      ...now,
      ...(answer.validators && { validators: { ...now.validators, ...answer.validators } }),
      ...schedule(answer.wait ?? usual),
      fails: 0,
    }));

  async function failed(base: Omit<Report, "outcome">, error: Error, wait = 0): Promise<Report> {
    const { next } = await shelf.change(base.url, (now) => ({
      ...now,
      ...schedule(
        Math.max(wait, shortest * 2 ** Math.min(now.fails, 10) * (0.75 + Math.random() / 2)),
        wait,
      ),
      ...(wait > 0 && { until: Date.now() + Math.min(wait, 7 * longest) }),
      fails: now.fails + 1,
      problem: error.message,
    }));
    return {
      ...base,
      outcome: "failed",
      problem: error.message,
      ...(next !== undefined && { next }),
    };
  }

  const reader: Reader = {
    list,
    async find(what) {
      const feeds = await list();
      const titleOf = (one: Subscribed): string => one.title ?? one.kept?.title ?? "";
      const wanted = what.toLowerCase();
      const found =
        feeds.find(({ url }) => url === what) ??
        feeds.find((one) => titleOf(one).toLowerCase() === wanted) ??
        only(feeds.filter((one) => titleOf(one).toLowerCase().startsWith(wanted)));
      if (found) return found;
      const names = feeds.flatMap((one) => [one.url, titleOf(one)]).filter(Boolean);
      const near = nearest(what, names).map((one) => `did you mean ${one}?`);
      throw new CitadelError(
        "E_NOT_FOUND",
        `no feed is subscribed as ${JSON.stringify(what.slice(0, 200))}`,
        {
          hint: [...near, "list them: citadel rss:list"],
        },
      );
    },
    async add(start, { title, folder }) {
      const { asked, answer, feed, others } = await fetchFeed(start);
      const url = answer.moved ?? asked;
      const added = {
        ...(title !== undefined && { title }),
        ...(folder !== undefined && { folder }),
      };
      await ledger.change(user, who, (state = noSubscriptions) => {
        if (state.feeds.some((one) => one.url === url))
          throw new CitadelError("E_CONFLICT", `${url} is subscribed already`, {
            hint: [`read it: citadel rss:list ${url}`],
          });
        return [{ type: "add", url, ...added }];
      });
      const { kept } = await keep(url, answer, feed);
      return { url, title: title ?? feed.title, items: kept.items.length, others };
    },
    async addAll(feeds) {
      let added: string[] = [];
      await ledger.change(user, who, (state = noSubscriptions) => {
        const known = new Set(state.feeds.map(({ url }) => url));
        const events = feeds.flatMap((one) => {
          const url = addressIn(one.url);
          if (url === undefined || known.has(url)) return [];
          known.add(url);
          return [{ type: "add" as const, ...one, url }];
        });
        added = events.map(({ url }) => url);
        return events;
      });
      return added;
    },
    async remove(url) {
      await ledger.change(user, who, () => [{ type: "remove", url }]);
      await shelf.remove(url);
    },
    async refresh(feeds, { force, signal }) {
      const reports: Report[] = [];
      const waiting = [...feeds.entries()];
      const work = async (): Promise<void> => {
        for (let next = waiting.shift(); next; next = waiting.shift())
          reports[next[0]] = await refreshOne(next[1], force, signal);
      };
      await Promise.all(Array.from({ length: callers }, work));
      return reports;
    },
    look: async (url) => (await fetchFeed(url)).feed,
    async markRead(url, ids) {
      await shelf.change(url, (now) => ({
        ...now,
        items: now.items.map((item): KeptItem =>
          ids.has(item.id) ? { ...item, read: true } : item,
        ),
      }));
    },
    close: () => egress.close(),
  };
  return reader;
}

const only = <T>(all: readonly T[]): T | undefined => (all.length === 1 ? all[0] : undefined);

const refusal = (url: string, { status }: Answer): CitadelError =>
  new CitadelError(
    status === 401 || status === 403
      ? "E_REMOTE_REFUSED"
      : status === 429 || status === 503
        ? "E_REMOTE_UNAVAILABLE"
        : "E_REMOTE_ANSWER",
    `${new URL(url).host} answers with status ${status}`,
    status === 401 || status === 403 ? { hint: ["the feed is not for everybody"] } : {},
  );

const useless = (url: string, why: string): CitadelError =>
  new CitadelError("E_REMOTE_ANSWER", `${url.slice(0, 200)} is of no use: ${why}`);
