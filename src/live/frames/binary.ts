import { readBody, writeBody } from "./bodies.ts";
import type { Field } from "./fields.ts";
import { clientLayouts, serverLayouts, type Layout } from "./layout.ts";
import {
  frameTypes,
  liveErrors,
  type Broadcast,
  type ClientMessage,
  type FrameType,
  type LiveErrorCode,
  type Received,
  type ServerMessage,
} from "./messages.ts";

/** bytes before the payload */
const header = 8;
/** bytes of the longest payload */
const longest = 0xffff;
const replyFlag = 1;
const forceFlag = 2;

const names = new Map(Object.entries(frameTypes).map(([name, type]) => [type as number, name]));

/** One frame. @throws RangeError for a body that is too long for one */
export const encodeClient = (message: ClientMessage): Uint8Array =>
  encode(message, clientLayouts[message.type]);
export const encodeServer = (message: ServerMessage): Uint8Array =>
  encode(message, serverLayouts[message.type]);

/** All frames of one binary message, in order; after one that is malformed nothing can be told. Never throws. */
export const decodeClient = (bytes: Uint8Array): readonly Received<ClientMessage>[] =>
  decode(bytes, clientLayouts) as readonly Received<ClientMessage>[];
export const decodeServer = (bytes: Uint8Array): readonly Received<ServerMessage>[] =>
  decode(bytes, serverLayouts) as readonly Received<ServerMessage>[];

function encode(message: ClientMessage | ServerMessage, layout: Layout | undefined): Uint8Array {
  const values = message as unknown as Readonly<Record<string, never>>;
  const body = message.type === "broadcast" ? bodyOf(message) : undefined;
  const fields = (layout?.fields ?? []).map(
    ([name, field]) => [field, values[name] as never, field.length(values[name] as never)] as const,
  );
  const length = fields.reduce((sum, [, , bytes]) => sum + bytes, body?.length ?? 0);
  if (length > longest) throw new RangeError(`a frame holds ${longest} bytes, not ${length}`);
  const frame = new Uint8Array(header + length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, frameTypes[message.type]);
  const reply = "reply" in message && message.reply;
  const force = "force" in message && message.force;
  view.setUint8(1, (reply ? replyFlag : 0) | (force ? forceFlag : 0));
  view.setUint16(2, length);
  view.setUint32(4, message.seq);
  let at = header;
  for (const [field, value, bytes] of fields) {
    field.write(new DataView(frame.buffer, at, bytes), value);
    at += bytes;
  }
  if (body) frame.set(body, header);
  return frame;
}

const bodyOf = ({ topic, body }: Broadcast): Uint8Array => writeBody(topic, body);

function decode(
  bytes: Uint8Array,
  layouts: typeof serverLayouts,
): readonly Received<Readonly<Record<string, unknown>>>[] {
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Received<Readonly<Record<string, unknown>>>[] = [];
  let at = 0;
  do {
    const left = whole.byteLength - at;
    const of = left > 0 ? whole.getUint8(at) : 0;
    const seq = left >= header ? whole.getUint32(at + 4) : undefined;
    const problem = (code: LiveErrorCode, text: string): void =>
      void found.push({ problem: { code, seq, of, text } });
    const length = left >= header ? whole.getUint16(at + 2) : longest;
    if (left < header + length || seq === undefined) {
      problem(liveErrors.malformed, `a frame is cut short`);
      return found;
    }
    const flags = whole.getUint8(at + 1);
    const name = names.get(of) as FrameType | undefined;
    const layout = name && layouts[name];
    const payload = new DataView(bytes.buffer, bytes.byteOffset + at + header, length);
    at += header + length;
    if (name && !layout) problem(liveErrors.malformed, `${name} is sent the other way only`);
    else if (!name || !layout) problem(liveErrors.unknownType, `there is no frame ${of}`);
    else if (!flagsFit(flags, layout)) problem(liveErrors.malformed, `flags are ${flags}`);
    else if (seq === 0 && layouts === clientLayouts)
      problem(liveErrors.malformed, "numbers begin with 1");
    else {
      const values = name === "broadcast" ? readBody(payload) : read(payload, layout.fields);
      if (values === undefined) problem(liveErrors.malformed, `${name} is of another shape`);
      else if ("bad" in values) problem(values["bad"] as LiveErrorCode, badText(name, values));
      else {
        const reply = layouts === serverLayouts && { reply: (flags & replyFlag) !== 0 };
        const force = layout.force && { force: (flags & forceFlag) !== 0 };
        found.push({ message: { type: name, seq, ...reply, ...force, ...values } });
      }
    }
    const last = found.at(-1);
    if (last && "problem" in last && last.problem.code === liveErrors.malformed) return found;
  } while (at < whole.byteLength);
  return found;
}

function flagsFit(flags: number, { reply, force }: Layout): boolean {
  const replies = (flags & replyFlag) !== 0;
  if (replies ? reply === "never" : reply === "always") return false;
  return (flags & ~replyFlag & ~(force ? forceFlag : 0)) === 0;
}

/** Undefined when the length is wrong; the code and the name of the first value that may not be. */
function read(
  payload: DataView,
  fields: Layout["fields"],
): Readonly<Record<string, unknown>> | undefined {
  const values: Record<string, unknown> = {};
  let at = 0;
  let bad: { bad: LiveErrorCode; name: string } | undefined;
  for (const [name, each] of fields) {
    const field = each as unknown as Field<unknown>;
    const size = field.size ?? payload.byteLength - at;
    if (at + size > payload.byteLength) return undefined;
    const value = field.read(new DataView(payload.buffer, payload.byteOffset + at, size));
    if (value === undefined || !field.may(value)) bad ??= { bad: field.bad, name };
    values[name] = value;
    at += size;
  }
  return at === payload.byteLength ? (bad ?? values) : undefined;
}

const badText = (type: string, { name }: Readonly<Record<string, unknown>>): string =>
  `${type} has no such ${String(name)}`;
