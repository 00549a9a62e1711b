import type { Driver } from "../driver/index.ts";
import { logger } from "../log.ts";
import type { Notices } from "../notices/notices.ts";
import type { Actor, Ledger } from "../store/types.ts";
import { temporary } from "../store/temporary.ts";
import { blockDocument, type BlockEvent, type BlockState } from "./kind.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
/** minutes of the first blocks of a client; each one later is twice as long, up to a day */
const steps = [1, 5, 30];
/** ms after which a client that behaves is as new */
const forgiven = day;
/** ms between two looks at what other servers have blocked */
const every = 10_000;

/** A client that is not answered for a while. */
export interface Block {
  /** address, or the /64 of an IPv6 address */
  readonly client: string;
  /** how many times in a row */
  readonly count: number;
  /** ms since 1970 */
  readonly since: number;
  readonly until: number;
  readonly reason: string;
}

export interface BlockOptions {
  /** @default longer each time */
  readonly minutes?: number | undefined;
  /** @default the server itself */
  readonly by?: Actor;
}

export interface Blocks {
  /** The block that a client is under, as of the last look: another server's after ten seconds at most. */
  find(client: string): Block | undefined;
  /** @param by stands in the history */
  block(client: string, reason: string, options?: BlockOptions): Promise<Block>;
  /** @returns false when there was none */
  unblock(client: string, by?: Actor): Promise<boolean>;
  list(): Promise<readonly Block[]>;
  /** Looks for blocks of other servers from now on. */
  follow(): void;
  close(): void;
}

/** Blocks below `t/blocks/` of a store: for all servers, beyond restarts, and gone by themselves. */
export function createBlocks(
  driver: Driver,
  notices: Pick<Notices, "note">,
  history: Pick<Ledger<BlockState, BlockEvent>, "change">,
): Blocks {
  const log = logger("limits");
  const stored = temporary<Block>(driver, "blocks");
  let known = new Map<string, Block>();
  let timer: NodeJS.Timeout | undefined;

  // a client that behaves again is remembered for a while
  const list = async (): Promise<readonly Block[]> =>
    (await stored.list()).filter(({ until }) => until > Date.now());
  const look = async (): Promise<void> => {
    known = new Map((await list()).map((block) => [block.client, block]));
  };
  const looking = (): void =>
    void look().catch((error: unknown) => log("blocks of others are not known", { error }));

  return {
    find(client) {
      if (known.size === 0) return undefined;
      const block = known.get(client);
      return block && block.until > Date.now() ? block : undefined;
    },

    async block(client, reason, { minutes, by } = {}) {
      let first = true;
      const made = await stored.change(client, (found) => {
        const now = Date.now();
        // another server counted the same refusals
        first = minutes !== undefined || !found || found.value.until <= now;
        if (!first && found) return { next: found, answer: found.value };
        const count = (found?.value.count ?? 0) + 1;
        const long = (minutes ?? minutesOf(count)) * minute;
        const value = { client, count, since: now, until: now + long, reason };
        return { next: { value, until: value.until + forgiven }, answer: value };
      });
      known.set(client, made);
      const to = new Date(made.until).toISOString();
      if (by)
        await history.change(blockDocument, by, () => [{ type: "block", client, to, reason }]);
      if (first) await notices.note("client.blocked", blockItem(made));
      return made;
    },

    async unblock(client, by) {
      const was = await stored.change(client, (found) => {
        const now = Date.now();
        const block = found?.value;
        if (!block || block.until <= now) return { next: undefined, answer: false };
        return { next: { value: { ...block, until: now }, until: now + minute }, answer: true };
      });
      known.delete(client);
      if (was && by) await history.change(blockDocument, by, () => [{ type: "unblock", client }]);
      return was;
    },

    list,
    follow() {
      looking();
      timer ??= setInterval(looking, every).unref();
    },
    close: () => clearInterval(timer),
  };
}

const minutesOf = (count: number): number =>
  steps[count - 1] ?? Math.min(30 * 2 ** (count - steps.length), 24 * 60);

/** As programs see it: with times as ISO 8601. */
export const blockItem = ({ since, until, ...block }: Block) => ({
  ...block,
  since: new Date(since).toISOString(),
  until: new Date(until).toISOString(),
});
