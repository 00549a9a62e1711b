import { parseBody } from "./bodies.ts";
import type { Field } from "./fields.ts";
import { clientLayouts, serverLayouts, type Layout } from "./layout.ts";
import {
  frameTypes,
  liveErrors,
  topics,
  type ClientMessage,
  type FrameType,
  type LiveErrorCode,
  type Received,
  type ServerMessage,
  type Topic,
} from "./messages.ts";

/** The JSON twin of a frame: flags that are not set are left out. */
export function encodeText(message: ClientMessage | ServerMessage): string {
  const { type, seq, ...rest } = message;
  const { reply, force, ...values } = rest as Readonly<Record<string, unknown>>;
  return JSON.stringify({
    ...{ type, seq },
    ...(reply === true && { reply }),
    ...(force === true && { force }),
    ...values,
  });
}

/** Never throws. */
export const decodeClientText = (text: string): Received<ClientMessage> =>
  decode(text, clientLayouts) as Received<ClientMessage>;
export const decodeServerText = (text: string): Received<ServerMessage> =>
  decode(text, serverLayouts) as Received<ServerMessage>;

type Values = Readonly<Record<string, unknown>>;

function decode(text: string, layouts: typeof serverLayouts): Received<Values> {
  const said = parsed(text);
  const { type, seq, reply = false, force = false, ...given } = said ?? {};
  const name = typeof type === "string" && Object.hasOwn(frameTypes, type) ? type : undefined;
  const layout = name && layouts[name as FrameType];
  const numbered = typeof seq === "number" && seq >>> 0 === seq;
  const of = name === undefined ? 0 : frameTypes[name as FrameType];
  const problem = (code: LiveErrorCode, why: string): Received<Values> => ({
    problem: { code, seq: numbered ? seq : undefined, of, text: why },
  });
  if (!said) return problem(liveErrors.malformed, "a message is one JSON object");
  if (!numbered || (seq === 0 && layouts === clientLayouts))
    return problem(liveErrors.malformed, "a message has a number of 32 bits, from 1");
  if (typeof type !== "string") return problem(liveErrors.malformed, "a message has a type");
  if (!name) return problem(liveErrors.unknownType, "there is no message of this type");
  if (!layout) return problem(liveErrors.malformed, `${name} is sent the other way only`);
  if (!flagsFit(reply, force, layout)) return problem(liveErrors.malformed, "flags do not fit");
  const flags = {
    ...(layouts === serverLayouts && { reply }),
    ...(layout.force && { force }),
  };
  if (name === "broadcast") {
    const topic = given["topic"] as Topic;
    const body = topics.includes(topic) ? parseBody(topic, given["body"]) : undefined;
    return body
      ? { message: { type: name, seq, ...flags, topic, body } }
      : problem(liveErrors.malformed, `${name} is of another shape`);
  }
  const values: Record<string, unknown> = {};
  let bad: Received<Values> | undefined;
  for (const [field, each] of layout.fields) {
    const { parse, may, bad: code } = each as unknown as Field<unknown>;
    // what is written whatever stands there needs nothing to compare with
    const value = force === true && field === "expect" ? (given[field] ?? 0) : given[field];
    values[field] = parse(value);
    if (values[field] === undefined)
      return problem(liveErrors.malformed, `${name} has no ${field}`);
    if (!may(values[field])) bad ??= problem(code, `${name} has no such ${field}`);
  }
  return bad ?? { message: { type: name, seq, ...flags, ...values } };
}

function parsed(text: string): Values | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Values)
      : undefined;
  } catch {
    return undefined;
  }
}

function flagsFit(reply: unknown, force: unknown, layout: Layout): boolean {
  if (typeof reply !== "boolean" || typeof force !== "boolean") return false;
  if (reply ? layout.reply === "never" : layout.reply === "always") return false;
  return !force || layout.force;
}
