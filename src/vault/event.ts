import { CompactSign, compactVerify, importJWK, type CryptoKey } from "jose";
import { isDeepStrictEqual } from "node:util";
import { isHash, isNumber, isText, type Check } from "./ops/checks.ts";
import { rules } from "./ops/index.ts";
import { damaged } from "./problems.ts";
import type { Batch, Envelope, Event, Identity, Operation } from "./types.ts";

const typ = "citadel-vault";

/** The event as a compact JWS, signed with Ed25519. */
export async function signEvent(event: Event, { sign, member }: Identity): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(event)))
    .setProtectedHeader({ alg: "EdDSA", kid: member.kid, typ })
    .sign(await importJWK(sign, "EdDSA"));
}

/** What a JWS says, unchecked: to know whose key it has to be checked with. @throws E_VAULT_DAMAGED */
export function readEvent(jws: string): Event {
  try {
    const payload = Buffer.from(jws.split(".")[1] ?? "", "base64url").toString();
    const event: unknown = JSON.parse(payload);
    if (isEvent(event)) return event;
  } catch (error) {
    throw damaged("an event of the vault's history cannot be read", error);
  }
  throw damaged("an event of the vault's history has another form");
}

/** @param key of the member `kid` @throws E_VAULT_DAMAGED unless it signed exactly this */
export async function verifyEvent(
  jws: string,
  kid: string,
  key: CryptoKey | Uint8Array,
): Promise<void> {
  try {
    const { protectedHeader } = await compactVerify(jws, key, { algorithms: ["EdDSA"] });
    if (!isDeepStrictEqual({ ...protectedHeader }, { alg: "EdDSA", kid, typ }))
      throw new Error("another header");
  } catch (error) {
    throw damaged("an event of the vault's history is not signed by who it says", error);
  }
}

const every: Readonly<Record<string, Check>> = {
  seq: isNumber,
  prev: (value) => value === null || isHash(value),
  at: isNumber,
  by: isHash,
};

/** The operations of an event, one after the other. */
export function operationsOf(event: Event): readonly (Operation & Envelope)[] {
  if (event.op !== "batch") return [event];
  const { seq, prev, at, by } = event;
  return event.ops.map((operation) => ({ ...operation, seq, prev, at, by }));
}

/** What an event holds of one operation or several. */
export function joined(given: Operation | readonly Operation[]): Operation | Batch {
  if ("op" in given) return given;
  const [first, ...more] = given;
  return first && more.length === 0 ? first : { op: "batch", ops: given };
}

function isEvent(value: unknown): value is Event {
  const { op, ops } = (value ?? {}) as { op?: unknown; ops?: unknown };
  if (op !== "batch") return isShaped(value, every);
  return (
    Array.isArray(ops) &&
    ops.length > 1 &&
    ops.every((one: unknown) => isShaped(one, {}) && rules[(one as Operation).op].together) &&
    hasExactly(value as object, { ...every, op: isText, ops: Array.isArray })
  );
}

/** Exactly the fields of its operation: what is not understood is not guessed at. */
function isShaped(value: unknown, besides: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { op, ...fields } = value as Record<string, unknown> & { op?: unknown };
  if (typeof op !== "string" || !Object.hasOwn(rules, op)) return false;
  return hasExactly(fields, { ...besides, ...rules[op as Operation["op"]].shape });
}

const hasExactly = (value: object, shape: Readonly<Record<string, Check>>): boolean =>
  Object.keys(value).every((field) => Object.hasOwn(shape, field)) &&
  Object.entries(shape).every(([field, check]) => check((value as Record<string, unknown>)[field]));
