import { createHmac } from "node:crypto";
import type { Egress, Tracing } from "../egress/index.ts";
import { errorCode } from "../errors.ts";
import type { PackageDocument } from "../registry/types.ts";
import type { Happening } from "./happenings.ts";
import type { HookRecord } from "./types.ts";

/** ms that a receiver has for its answer */
const patience = 15_000;
/** tags and maintainers of a package that are told */
const most = 100;

/** What became of a call. */
export type Outcome =
  | { readonly done: true; readonly code: number }
  | {
      readonly done: false;
      /** status of the answer; undefined: there was none */
      readonly code?: number;
      /** the receiver wants no calls any more */
      readonly gone?: true;
      /** ms that it wants to be left alone */
      readonly pause?: number;
      /** code of the error, for the log */
      readonly error?: string;
    };

export interface Call {
  readonly hook: string;
  readonly event: string;
  readonly endpoint: string;
  /** the same for every try of one event */
  readonly id: string;
  readonly secret: string;
  readonly body: string;
}

/** Tells a receiver of one event. The answer's status is all that is looked at. @throws E_CANCELLED */
export async function call(
  { egress, tracing }: { readonly egress: Egress; readonly tracing: Tracing },
  signal: AbortSignal,
  what: Call,
): Promise<Outcome> {
  const { body, hook, event } = what;
  const called = {
    method: "POST",
    url: new URL(what.endpoint),
    attributes: { "citadel.hook": hook, "citadel.event": event },
    // whatever happens to have woken the deliveries
    apart: true,
  } as const;
  try {
    const reply = await tracing(called, async (fields, answered) => {
      const sent = await egress.fetch(what.endpoint, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "citadel-hooks",
          ...fields,
          ...signatures(what, body, Math.floor(Date.now() / 1000)),
        },
        body,
        timeouts: { connect: patience, first: patience, whole: patience },
        signal,
      });
      answered(sent.status);
      return sent;
    });
    reply.cancel();
    const { status: code } = reply;
    if (code >= 200 && code < 300) return { done: true, code };
    if (code === 410) return { done: false, code, gone: true };
    const pause = code === 429 || code === 503 ? pauseOf(reply.header("retry-after")) : undefined;
    return { done: false, code, ...(pause !== undefined && { pause }) };
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || code === "E_CANCELLED") throw error;
    return { done: false, error: code };
  }
}

/** The body as npm's hooks have it, with a package document of a few lines: who wants more asks the registry. */
export function npmBody(
  hook: HookRecord,
  username: string,
  { event, change, time }: Happening,
  document: PackageDocument,
): string {
  const { name, tags, owners, created } = document.state;
  const [modified, made] = [document.modified, created].map((ms) => new Date(ms).toISOString());
  return JSON.stringify({
    event,
    name,
    type: "package",
    // of this envelope
    version: "1.0.0",
    hookOwner: { username },
    payload: {
      _id: name,
      name,
      "dist-tags": Object.fromEntries([...tags].slice(-most)),
      maintainers: owners.slice(0, most).map((owner) => ({ name: owner })),
      time: { created: made, modified },
    },
    change,
    time,
    hook: { id: hook.id, type: hook.type, name: hook.name },
  });
}

/** npm's signature, and those of Standard Webhooks 1.0. */
function signatures({ id, secret }: Call, body: string, now: number): Record<string, string> {
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text);
  const signed = hmac(standardKey(secret) ?? secret, `${id}.${now}.${body}`).digest("base64");
  return {
    "x-npm-signature": `sha256=${hmac(secret, body).digest("hex")}`,
    "webhook-id": id,
    "webhook-timestamp": String(now),
    "webhook-signature": `v1,${signed}`,
  };
}

/** The key in a secret as Standard Webhooks writes it (`whsec_<base64>`); undefined for any other text. */
export function standardKey(secret: string): Buffer | undefined {
  const [, text] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  return text === undefined ? undefined : Buffer.from(text, "base64");
}

/** ms of a `retry-after` in seconds or as a date. */
function pauseOf(field: string | undefined): number | undefined {
  if (field === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(field) ? Number(field) * 1000 : Date.parse(field) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
