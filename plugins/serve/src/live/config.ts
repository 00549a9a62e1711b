import { errorCode } from "@citadel/core";
import {
  liveErrors,
  type ClientMessage,
  type ConfigSnapshot,
  type LiveErrorCode,
  type ServerMessage,
} from "@citadel/core/frames";
import { hex, type Change, type Live } from "@citadel/core/live";
import type { Actor } from "@citadel/core/store";

/** A message of a client that changes one of the thirteen bytes. */
export type ConfigMessage = Extract<ClientMessage, { type: "config_byte" | "feature" }>;

type Unsent<T> = T extends ServerMessage ? Omit<T, "seq" | "reply"> : never;
/** What is to be said; the socket gives it its number. */
export type Said = Unsent<ServerMessage>;

/** What a client is told that did not get its way. */
export interface Refusal {
  readonly code: LiveErrorCode;
  readonly detail: number;
  readonly text: string;
}

export const snapshotOf = (live: Live): ConfigSnapshot => ({
  bytes: live.bytes().toString("hex"),
  generation: live.generation(),
});

/** @param by stands in the change that comes of it @throws what {@link refusalOf} explains */
export function applyMessage(live: Live, message: ConfigMessage, by: Actor): Promise<Change> {
  if (message.type === "feature") return live.toggleFeature(message.bit, on[message.op], { by });
  const { offset, value, expect, force } = message;
  return live.setByte(offset, value, { by, force, ...(!force && { expect }) });
}

const on = { clear: false, set: true, flip: undefined } as const;

/** The bytes that no client may change, or only by force. */
export function isReadOnly(message: ConfigMessage): boolean {
  if (message.type === "feature") return false;
  const { offset, force } = message;
  return offset === reserved || (hash.has(offset) && !force);
}

const reserved = 0x0c;
const hash: ReadonlySet<number> = new Set([1, 2, 3, 4]);

/** Why a change was not made. */
export function refusalOf(error: unknown, live: Live, message: ConfigMessage): Refusal | undefined {
  const refusal = (code: LiveErrorCode, text: string, detail = 0): Refusal => ({
    ...{ code, detail, text },
  });
  switch (errorCode(error)) {
    case "E_INVALID_DOCUMENT":
      return refusal(liveErrors.badValue, "it may not hold this value");
    case "E_CONFLICT": {
      if (message.type === "feature" || message.force) break;
      const found = live.bytes()[message.offset] ?? 0;
      if (found === message.expect) break;
      return refusal(liveErrors.conflict, `byte ${hex(message.offset)} is ${found}.`, found);
    }
    case "E_CONFIG":
      break;
    default:
      return undefined;
  }
  return refusal(liveErrors.storage, "the configuration cannot be written");
}

/** A change as the one is told who asked for it, in the words of the question. */
export function answerTo(message: ConfigMessage, change: Change, live: Live): Said {
  const { generation } = change;
  if (message.type === "feature") return featureOf(message.bit, live, generation);
  const at = message.offset - change.offset;
  const [old = 0, now = 0] = [change.old[at], change.new[at]];
  return { type: "config_byte", offset: message.offset, old, new: now, generation };
}

/** A change as all others are told: a flag as a feature, the four bytes of the hash as a snapshot. */
export function newsOf(change: Change, live: Live): Said {
  const { offset, generation } = change;
  const [old = 0, now = 0] = [change.old[0], change.new[0]];
  if (change.new.length > 1)
    return { type: "broadcast", topic: "config", body: { ...snapshotOf(live), generation } };
  const turned = old ^ now;
  const bit = 8 * (lastFlags - offset) + Math.log2(turned);
  if (offset >= firstFlags && offset <= lastFlags && Number.isInteger(bit))
    return featureOf(bit, live, generation);
  return { type: "config_byte", offset, old, new: now, generation };
}

const firstFlags = 0x05;
const lastFlags = 0x08;

function featureOf(bit: number, live: Live, generation: number): Said {
  const { flags } = live.getConfig();
  const state = ((flags >>> bit) & 1) === 1;
  return { type: "feature", bit, state, flags, generation };
}
