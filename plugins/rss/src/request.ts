import type { Egress, Reply } from "@citadel/core/egress";
import { CitadelError } from "@citadel/core/errors";

const mostBytes = 10 * 2 ** 20;
const mostRedirects = 5;
const timeouts = { connect: 5000, first: 10_000, idle: 10_000, whole: 20_000 };
const accepted =
  "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, text/html;q=0.5, */*;q=0.1";

/** What a server said of its answer, to be said to it again, exactly as it came. */
export interface Validators {
  /** the address that answered */
  readonly from: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** What came of asking for a feed. */
export interface Answer {
  readonly kind: "content" | "unchanged" | "gone" | "busy" | "failed";
  readonly status: number;
  /** where it came from in the end */
  readonly url: string;
  /** where it is for good, when that is not where it was asked for */
  readonly moved?: string;
  readonly bytes?: Uint8Array;
  readonly contentType?: string;
  readonly validators?: Validators;
  /** ms to wait that the server asks for */
  readonly wait?: number;
}

/**
 * Asks for a feed, once. Redirects are followed, each address is checked; permanent ones count up to the first that is not.
 * @throws E_REMOTE_* as `Egress.fetch`
 */
export async function request(
  egress: Egress,
  start: string,
  known?: Validators,
  signal?: AbortSignal,
): Promise<Answer> {
  let url = start;
  let settled = start;
  let permanent = true;
  for (let hops = 0; ; hops++) {
    const reply = await egress.fetch(url, {
      headers: { accept: accepted, "user-agent": "citadel", ...conditions(url, known) },
      ...{ limit: mostBytes, timeouts, follow: false },
      ...(signal && { signal }),
    });
    const { status } = reply;
    const location = redirects.has(status) ? reply.header("location") : undefined;
    if (location === undefined) {
      const answer = await answerOf(reply, url);
      return settled === start ? answer : { ...answer, moved: settled };
    }
    reply.cancel();
    const next = URL.parse(location, url);
    if (!next) throw useless(url, "it redirects to no address");
    if (hops >= mostRedirects) throw useless(url, "it redirects without end");
    if (url.startsWith("https:") && next.protocol !== "https:")
      throw new CitadelError(
        "E_REMOTE_ADDRESS",
        `${next.host} is not asked: a redirect may not leave https`,
      );
    next.hash = "";
    url = next.href;
    permanent &&= status === 301 || status === 308;
    if (permanent) settled = url;
  }
}

const redirects = new Set([301, 302, 303, 307, 308]);

/** Only for the address that had sent them: those of another one mean nothing to it. */
const conditions = (url: string, known: Validators | undefined): Record<string, string> =>
  known?.from !== url
    ? {}
    : {
        ...(known.etag !== undefined && { "if-none-match": known.etag }),
        ...(known.lastModified !== undefined && { "if-modified-since": known.lastModified }),
      };

async function answerOf(reply: Reply, url: string): Promise<Answer> {
  const { status } = reply;
  const wait = waitOf(reply);
  const rest = { status, url, ...(wait !== undefined && { wait }) };
  if (status === 200) {
    const bytes = await reply.bytes();
    const contentType = reply.header("content-type");
    const validators = validatorsOf(reply, url);
    return {
      ...{ kind: "content", ...rest, bytes },
      ...(contentType !== undefined && { contentType }),
      ...(validators && { validators }),
    };
  }
  reply.cancel();
  if (status === 304) {
    const validators = validatorsOf(reply, url);
    return { kind: "unchanged", ...rest, ...(validators && { validators }) };
  }
  const busy = status === 429 || status === 503;
  return { kind: status === 410 ? "gone" : busy ? "busy" : "failed", ...rest };
}

function validatorsOf(reply: Reply, from: string): Validators | undefined {
  const [etag, lastModified] = [reply.header("etag"), reply.header("last-modified")];
  if (etag === undefined && lastModified === undefined) return undefined;
  return {
    from,
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}

/** `Retry-After` in seconds or as a date, else `max-age`. */
function waitOf(reply: Reply): number | undefined {
  const after = reply.header("retry-after")?.trim();
  if (after !== undefined && /^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const at = Date.parse(after ?? "");
  if (!Number.isNaN(at)) return Math.max(0, at - Date.now());
  const age = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(reply.header("cache-control") ?? "")?.[1];
  return age === undefined ? undefined : Number(age) * 1000;
}

const useless = (url: string, why: string): CitadelError =>
  new CitadelError("E_REMOTE_ANSWER", `the answer of ${new URL(url).host} is of no use: ${why}`);
