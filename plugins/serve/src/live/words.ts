import {
  closeCodes,
  frameTypes,
  type ClientMessage,
  type FrameType,
  type Received,
} from "@citadel/core/frames";

/** characters of one message of a command's output */
const outputPart = 16_384;

/** The name of what was received, where it has one. */
export function typeOf(received: Received<ClientMessage>): FrameType | undefined {
  if ("message" in received) return received.message.type;
  const { of } = received.problem;
  return (Object.keys(frameTypes) as FrameType[]).find((name) => frameTypes[name] === of);
}

/** Output in parts, none of which ends within a character. */
export function* partsOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + outputPart);
    if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1] ?? "")) end--;
    yield text.slice(at, end);
    at = end;
  }
}

/** What a closed socket says beside its code. */
export const reasons: ReadonlyMap<number, string> = new Map([
  [closeCodes.textOnBinary, "text and bytes are not mixed"],
  [closeCodes.restart, "the server stops"],
  [closeCodes.badFrame, "a frame is malformed"],
  [closeCodes.sessionExpired, "the session has ended"],
  [closeCodes.rightLost, "a right was taken away"],
  [closeCodes.noSubprotocol, "BINARY_PROTOCOL is off"],
  [closeCodes.silent, "nothing was heard"],
  [closeCodes.tooMany, "too many messages"],
  [closeCodes.draining, "the server stops"],
  [closeCodes.slow, "too slow"],
]);
