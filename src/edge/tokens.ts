import { groupsOf } from "../access/readers.ts";
import type { Accounts, TokenInfo } from "../access/state.ts";
import { shardOf, type EdgeToken } from "./layout.ts";

export interface TokenShards {
  /** by the beginning of the hash; in an order of their own */
  readonly shards: ReadonlyMap<string, readonly EdgeToken[]>;
  readonly count: number;
  /** good from some addresses only, which is for the registry itself to check */
  readonly bound: number;
}

/** The tokens of users that may read something, as of now. */
export async function collectTokens(
  accounts: Pick<Accounts, "list" | "principal" | "tokens">,
): Promise<TokenShards> {
  const shards = new Map<string, EdgeToken[]>();
  let count = 0;
  let bound = 0;
  for await (const user of pages((after) => accounts.list(after))) {
    const principal = await accounts.principal(user.name);
    if (!principal) continue;
    for await (const token of pages((after) => accounts.tokens(user.name, after))) {
      const { key, grant, cidr, expires } = token;
      if (!reads(token)) continue;
      if (cidr.length > 0) {
        bound++;
        continue;
      }
      const admin = principal.admin && (grant?.manage ?? true);
      const shard = shards.get(shardOf(key)) ?? [];
      shards.set(shardOf(key), shard);
      shard.push({
        sha256: key,
        groups: groupsOf({ ...principal, admin }),
        ...(grant?.names && { names: grant.names }),
        ...(expires !== undefined && { expires }),
      });
      count++;
    }
  }
  for (const shard of shards.values()) shard.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  return { shards, count, bound };
}

const reads = ({ grant, expires }: TokenInfo): boolean =>
  grant?.packages !== "none" && (expires === undefined || expires > Date.now());

async function* pages<T>(
  load: (after: { after?: string }) => Promise<{ items: readonly T[]; next?: string }>,
): AsyncGenerator<T, void, void> {
  let after: string | undefined;
  do {
    const page = await load(after === undefined ? {} : { after });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}
