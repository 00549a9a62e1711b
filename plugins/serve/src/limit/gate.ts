import { createHash } from "node:crypto";
import { addressBlocks, CitadelError } from "@citadel/core";
import { countedClient, type Caller } from "@citadel/core/access";
import type { Settings } from "@citadel/core/config";
import type { Allowance, Block, Limits, Verdict } from "@citadel/core/limits";
import { LRUCache } from "lru-cache";
import { credentialsOf } from "../http/credentials.ts";
import type { Answer, Asked } from "../http/exchange.ts";
import type { Figures } from "./figures.ts";

/** What a request takes from its bucket. A file of an install is a tenth of a read: trees have thousands of them. */
const cost = { install: 0.1, read: 1, write: 10, failure: 50 } as const;
/** refusals within a window after which a client is not answered for a while */
const mostRefusals = 50;
/** ms that a credential is known to be good; it is looked at anew at each request that needs it */
const trusted = 60_000;

/** A request on its way through; none for those that nothing limits. */
export interface Ticket {
  /** E_RATE_LIMIT: it goes no further */
  readonly refused?: CitadelError;
  /** What became of it. @returns the answer with what the client is told of its limit */
  done(answer: Answer): Answer;
}

/** Lets requests in, or not yet. */
export interface Gate {
  /** A promise where other processes have to be asked; it never rejects. */
  enter(asked: Asked, install: boolean): Ticket | Promise<Ticket> | undefined;
  /** One more message on a socket that `asked` opened. @returns E_RATE_LIMIT: it is not taken */
  message(asked: Asked): CitadelError | undefined;
}

interface Counted {
  readonly asked: Asked;
  /** the client */
  readonly name: string;
  readonly block: Block | undefined;
  readonly bucket: string;
  readonly allowance: Allowance;
  readonly reads: boolean;
}

export interface GateOptions {
  readonly settings: Settings["security"];
  readonly limits: Limits;
  /** the client of a request, after trusted proxies */
  readonly client: (asked: Asked) => string | undefined;
  /** who makes it */
  readonly caller: (asked: Asked) => Promise<Caller>;
  readonly figures: Figures;
}

/**
 * C2. A credential that was shown to be good has a bucket of its own, everybody else shares that of their address; this machine and
 * the addresses in `security.allow` are not limited.
 */
export function createGate(options: GateOptions): Gate {
  const { settings, limits, client, caller, figures } = options;
  const { buckets, blocks } = limits;
  const window = settings.rateLimitWindow;
  const byClient: Allowance = { max: settings.rateLimitMax, window };
  const byKey: Allowance = { max: settings.rateLimitKeyMax, window };
  const allowed = settings.allow.length > 0 ? addressBlocks(settings.allow) : undefined;
  const clients = new LRUCache<string, { readonly name: string | undefined }>({ max: 4096 });
  const good = new LRUCache<string, Allowance | "unknown">({ max: 10_000, ttl: trusted });
  const refusals = new LRUCache<string, { count: number }>({ max: 10_000, ttl: window });

  const clientOf = (asked: Asked): string | undefined => {
    const address = client(asked);
    if (address === undefined) return undefined;
    let known = clients.get(address);
    if (!known) {
      const name = allowed?.(address) ? undefined : countedClient(address);
      clients.set(address, (known = { name }));
    }
    return known.name;
  };

  /** The bucket of a credential, once it is known to be good. */
  const keyOf = (asked: Asked): readonly [bucket: string, Allowance] | undefined => {
    if (asked.header("authorization") === undefined) return undefined;
    let token: string;
    try {
      const shown = credentialsOf(asked);
      if (shown?.kind !== "bearer") return undefined;
      token = createHash("sha256").update(shown.token).digest("base64url");
    } catch {
      return undefined;
    }
    const known = good.get(token);
    if (known !== undefined) return known === "unknown" ? undefined : [`key:${token}`, known];
    good.set(token, "unknown");
    // this request counts by its address; the next one is known
    caller(asked).then(
      ({ principal: { limit } }) =>
        good.set(token, limit === undefined ? byKey : { max: limit, window }),
      () => {},
    );
    return undefined;
  };

  const refuse = ({ name, bucket, allowance }: Counted, verdict: Verdict): CitadelError => {
    figures.refused(bucket === name ? "client" : "key");
    const line = refusals.get(name) ?? { count: 0 };
    refusals.set(name, line);
    if (++line.count === mostRefusals) {
      refusals.delete(name);
      void blocks.block(name, `${mostRefusals} requests past the limit`).catch(() => {});
    }
    return tooMany(
      verdict.wait,
      `more than ${allowance.max} requests in ${window / 60_000} minutes`,
    );
  };

  /** What a request counts for; none for those that nothing limits. */
  const countedAs = (asked: Asked): Counted | undefined => {
    if (byClient.max === 0) return undefined;
    const name = clientOf(asked);
    if (name === undefined) return undefined;
    const block = blocks.find(name);
    const [bucket, allowance] = keyOf(asked) ?? [name, byClient];
    const reads = asked.method === "GET" || asked.method === "HEAD";
    return { asked, name, block, bucket, allowance, reads };
  };
  const blocked = ({ client: name, until, reason }: Block): CitadelError => {
    figures.refused("client");
    return tooMany(until - Date.now(), `${name} is blocked: ${reason}`);
  };

  const ticketOf = (counted: Counted, install: boolean, verdict: Verdict): Ticket => {
    const { asked, name, bucket, allowance, reads } = counted;
    const told = (answer: Answer, { remaining, reset }: Verdict): Answer => ({
      ...answer,
      headers: [
        ...answer.headers,
        ...["ratelimit-policy", `"default";q=${allowance.max};w=${window / 1000}`],
        ...["ratelimit", `"default";r=${remaining};t=${Math.ceil(reset / 1000)}`],
      ],
    });
    if (!verdict.allowed)
      return { refused: refuse(counted, verdict), done: (answer) => told(answer, verdict) };
    return {
      done(answer) {
        const failed = answer.status === 401 && (!reads || asked.header("authorization"));
        const extra = failed ? cost.failure : answer.status >= 400 && install ? cost.read : 0;
        if (extra === 0) return told(answer, verdict);
        // guesses count by address whatever they showed
        const at = failed ? name : bucket;
        const by = failed ? byClient : allowance;
        return told(answer, buckets.charge(at, extra, by));
      },
    };
  };

  return {
    enter(asked, install) {
      const counted = countedAs(asked);
      if (!counted) return undefined;
      const { block, bucket, allowance, reads } = counted;
      if (block) return { refused: blocked(block), done: (answer) => answer };
      const amount = install ? cost.install : reads ? cost.read : cost.write;
      const verdict = buckets.take(bucket, amount, allowance);
      return verdict instanceof Promise
        ? verdict.then((found) => ticketOf(counted, install, found))
        : ticketOf(counted, install, verdict);
    },
    message(asked) {
      const counted = countedAs(asked);
      if (!counted) return undefined;
      if (counted.block) return blocked(counted.block);
      const verdict = buckets.takeNow(counted.bucket, cost.read, counted.allowance);
      return verdict.allowed ? undefined : refuse(counted, verdict);
    },
  };
}

function tooMany(wait: number, why: string): CitadelError {
  const seconds = Math.max(1, Math.ceil(wait / 1000));
  return new CitadelError("E_RATE_LIMIT", `${why}; wait ${seconds} seconds`, {
    retryAfter: seconds,
  });
}
