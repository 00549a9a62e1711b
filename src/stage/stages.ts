import { createHash, randomUUID } from "node:crypto";
import type { Action, Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import { actorOf, type Context } from "../registry/context.ts";
import { mayPublish, type Publishing } from "../registry/publish.ts";
import type { Published, PublishInput } from "../registry/types.ts";
import type { Ledger, Store } from "../store/types.ts";
import { namesOf } from "../store/walk.ts";
import { nothingStaged, stageKind } from "./kind.ts";
import type { StagedItem, StageEvent, StageLimits, Stages, StageState } from "./types.ts";

/** ms that an approval may take, from the claim to the commit; after a crash the item is free again then */
const lease = 120_000;
/** ms before the end of a claim in which nothing is committed any more: clocks of servers differ */
const margin = 30_000;
const mostPerPage = 100;

export interface StagesOptions {
  readonly store: Store;
  readonly context: Context;
  readonly publishing: Publishing;
  readonly limits: StageLimits;
}

/** See {@link Stages}. */
export function createStages({ store, context, publishing, limits }: StagesOptions): Stages {
  const ledger: Ledger<StageState, StageEvent> = store.ledger(stageKind());
  const isLive = ({ created }: StagedItem): boolean => created + limits.expiry > Date.now();
  const itemsOf = async (shard: string): Promise<readonly StagedItem[]> =>
    ((await ledger.read(shard))?.state.items ?? []).filter(isLive);

  const may = (action: Action, name: string, caller: Caller): Promise<boolean> =>
    mayPublish(context, action, name, caller);

  async function sees(item: StagedItem, caller: Caller): Promise<boolean> {
    const { kind, name } = caller.principal;
    if (kind === "anonymous") return false;
    const own = item.kind === kind && item.by === name;
    return may(own ? "stage" : "write", item.name, caller);
  }

  const get: Stages["get"] = async (id, caller) => {
    const found = isId(id) && (await itemsOf(shardOf(id))).find((item) => item.id === id);
    if (!found || !(await sees(found, caller))) throw notFound(id);
    return found;
  };

  /** One change of an item that is still there. */
  const change = (
    { id }: StagedItem,
    caller: Caller,
    decide: (item: StagedItem) => readonly StageEvent[],
  ): Promise<unknown> =>
    ledger.change(shardOf(id), actorOf(caller), (state = nothingStaged) => {
      const item = state.items.find((one) => one.id === id);
      if (!item) throw notFound(id);
      return decide(item);
    });

  /** @throws E_CONFLICT while somebody is publishing it */
  const mustBeFree = ({ id, claim }: StagedItem): void => {
    if (claim && claim.until > Date.now())
      throw new CitadelError("E_CONFLICT", `${claim.by} is publishing ${id} right now`, {
        hint: ["try again in two minutes, should it still be there"],
      });
  };

  /** Content as it was staged. */
  async function inputOf(item: StagedItem): Promise<PublishInput> {
    const { integrity, shasum, size } = item;
    const bytes = await store.manifests.get(item.input);
    if (!bytes) throw missing(item);
    return {
      ...(JSON.parse(Buffer.from(bytes).toString("utf8")) as Omit<PublishInput, "tarball">),
      tarball: {
        ...{ integrity, shasum, size },
        content: {
          size,
          async *stream() {
            yield* await content(item);
          },
        },
      },
    };
  }

  async function content(item: StagedItem): Promise<ReadableStream<Uint8Array>> {
    const stream = await store.blobs.open(item);
    if (!stream) throw missing(item);
    return stream;
  }

  return {
    get,

    async add(input, caller) {
      await publishing.checkPublish(input, caller, "stage");
      const { tarball, ...rest } = input;
      const { name, version, tags = ["latest"] } = rest;
      const { principal } = caller;
      const { integrity, shasum, size } = tarball;
      const [stored] = await Promise.all([
        store.manifests.put(Buffer.from(JSON.stringify(rest))),
        store.blobs.put(tarball.content, tarball),
      ]);
      const item: StagedItem = {
        id: newId(name),
        ...{ name, version, tags, created: Date.now() },
        ...{ by: principal.name, kind: principal.kind },
        ...(principal.trusted ? { trusted: principal.trusted } : {}),
        ...{ integrity, shasum, size, input: stored },
      };
      await ledger.change(shardOf(item.id), actorOf(caller), (state = nothingStaged) => {
        const live = state.items.filter(isLive);
        if (live.filter((one) => one.name === name).length >= limits.perPackage)
          throw new CitadelError(
            "E_STAGE_FULL",
            `${limits.perPackage} versions of ${name} wait already; no more may`,
            { hint: [`approve or reject some of them: npm stage list ${name}`] },
          );
        return [...expired(state, live), { type: "stage", item }];
      });
      return item;
    },

    async list(caller, { name, page = 0, perPage = mostPerPage } = {}) {
      const visible: StagedItem[] = [];
      const known = new Map<string, Promise<boolean>>();
      const look = (item: StagedItem): Promise<boolean> => {
        const { by, kind } = item;
        const key = JSON.stringify([item.name, by, kind]);
        let seen = known.get(key);
        if (!seen) known.set(key, (seen = sees(item, caller)));
        return seen;
      };
      for await (const shard of name === undefined ? namesOf(ledger) : [digest(name)])
        for (const item of await itemsOf(shard))
          if ((name === undefined || item.name === name) && (await look(item))) visible.push(item);
      visible.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
      const size = Math.min(Math.max(1, perPage), mostPerPage);
      return { items: visible.slice(page * size, (page + 1) * size), total: visible.length };
    },

    async open(id, caller) {
      const item = await get(id, caller);
      return { item, stream: await content(item) };
    },

    async approve(id, caller) {
      const item = await get(id, caller);
      if (caller.principal.kind === "job")
        throw new CitadelError("E_FORBIDDEN", "a job may stage a version, a person approves it", {
          hint: [`log in and approve it yourself: npm stage approve ${id}`],
        });
      const attempt = randomUUID();
      let until = 0;
      const claim = async (): Promise<void> => {
        until = Date.now() + lease;
        await change(item, caller, (now) => {
          mustBeFree(now);
          return [{ type: "claim", id, until, attempt }];
        });
      };
      const stands = (): void => {
        if (Date.now() > until - margin)
          throw new CitadelError(
            "E_CONFLICT",
            `publishing ${id} took too long; it is staged still`,
          );
      };
      let published: Published;
      try {
        const input = await inputOf(item);
        published = await publishing.publish(input, caller, { item, claim, stands });
      } catch (error) {
        if (until > 0)
          await change(item, caller, ({ claim: held }) =>
            held?.attempt === attempt ? [{ type: "release", id }] : [],
          ).catch(() => {}); // the claim ends by itself
        throw error;
      }
      // it is published, whatever becomes of this: a second approval is refused, and the item can be rejected
      await change(item, caller, () => [{ type: "remove", id, outcome: "approved" }]).catch(
        () => {},
      );
      return published;
    },

    async reject(id, caller, reason) {
      const item = await get(id, caller);
      await change(item, caller, (now) => {
        mustBeFree(now);
        const why = reason === undefined ? {} : { reason };
        return [{ type: "remove", id, outcome: "rejected", ...why }];
      });
    },

    async expire() {
      let dropped = 0;
      for await (const shard of namesOf(ledger)) {
        if ((await itemsOf(shard)).length === (await ledger.read(shard))?.state.items.length)
          continue;
        await ledger.change(shard, { name: "system", via: "system" }, (state = nothingStaged) => {
          const events = expired(state, state.items.filter(isLive));
          dropped += events.length;
          return events;
        });
      }
      return dropped;
    },
  };
}

const expired = (state: StageState, live: readonly StagedItem[]): readonly StageEvent[] =>
  state.items
    .filter((item) => !live.includes(item))
    .map(({ id }) => ({ type: "remove", id, outcome: "expired" }));

/** A random UUID that leads to the document of the package: an id is found by one look, and says nothing to those who guess. */
const newId = (name: string): string => digest(name) + randomUUID().slice(8);

const digest = (name: string): string =>
  createHash("sha256").update(name).digest("hex").slice(0, 8);
const shardOf = (id: string): string => id.slice(0, 8);
const isId = (id: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(id);

const notFound = (id: string): CitadelError =>
  new CitadelError("E_NOT_FOUND", `there is no staged package ${JSON.stringify(id.slice(0, 40))}`, {
    hint: ["see what is staged: npm stage list"],
  });

const missing = ({ id }: StagedItem): CitadelError =>
  new CitadelError("E_INTEGRITY", `the content of the staged package ${id} is missing`);
