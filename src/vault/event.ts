import { CompactSign, compactVerify, importJWK, type JWK } from "jose";
import { isDeepStrictEqual } from "node:util";
import { damaged } from "./problems.ts";
import type { Batch, Envelope, Event, Identity, Member, Operation } from "./types.ts";

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

/** @throws E_VAULT_DAMAGED unless `member` signed exactly this */
export async function verifyEvent(jws: string, { kid, sign }: Member): Promise<void> {
  try {
    const key = await importJWK(sign, "EdDSA");
    const { protectedHeader } = await compactVerify(jws, key, { algorithms: ["EdDSA"] });
    if (!isDeepStrictEqual({ ...protectedHeader }, { alg: "EdDSA", kid, typ }))
      throw new Error("another header");
  } catch (error) {
    throw damaged("an event of the vault's history is not signed by an administrator", error);
  }
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) =>
  typeof value === "string" && value.length > 0 && value.length <= 200;
const isHash: Check = (value) => typeof value === "string" && /^[\w-]{43}$/.test(value);
const isNumber: Check = (value) => Number.isSafeInteger(value) && (value as number) > 0;
const isNumbers: Check = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  new Set(value).size === value.length &&
  value.every(isNumber);
const isKey: Check = (value) => {
  const { kty, crv, x, ...more } = (value ?? {}) as JWK;
  return kty === "OKP" && crv === "Ed25519" && isHash(x) && Object.keys(more).length === 0;
};
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const every = {
  seq: isNumber,
  prev: (value: unknown) => value === null || isHash(value),
  at: isNumber,
  by: isHash,
};
const versions = { id: isText, ns: isNumbers };
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);
const shapes: Readonly<Record<Operation["op"], Readonly<Record<string, Check>>>> = {
  genesis: { sign: isKey, age: isText, s: isText, slot: isHash },
  scope: { s: isText, slot: isHash, rec: isHash },
  set: {
    s: isText,
    id: isText,
    n: isNumber,
    rec: isHash,
    meta: optional(isHash),
    rf: optional(isNumber),
    r: optional(isText),
  },
  meta: { id: isText, rec: isHash },
  label: { s: isText, rec: isHash },
  purge: { id: isText },
  rotate: { id: isText, r: isText, step: oneOf("set", "test", "finish", "cancel") },
  alert: { id: isText, n: isNumber },
  policy: { rec: isHash },
  delete: versions,
  undelete: versions,
  destroy: versions,
};

/** What may come about together with something else. */
const together: ReadonlySet<unknown> = new Set<Operation["op"]>([
  ...(["set", "meta", "delete", "undelete", "destroy", "purge", "rotate"] as const),
]);

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
    ops.every((one: unknown) => isShaped(one, {}) && together.has((one as Operation).op)) &&
    hasExactly(value as object, { ...every, op: oneOf("batch"), ops: Array.isArray })
  );
}

/** Exactly the fields of its operation: what is not understood is not guessed at. */
function isShaped(value: unknown, besides: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { op, ...fields } = value as Record<string, unknown> & { op?: unknown };
  if (typeof op !== "string" || !Object.hasOwn(shapes, op)) return false;
  return hasExactly(fields, { ...besides, ...shapes[op as Operation["op"]] });
}

const hasExactly = (value: object, shape: Readonly<Record<string, Check>>): boolean =>
  Object.keys(value).every((field) => Object.hasOwn(shape, field)) &&
  Object.entries(shape).every(([field, check]) => check((value as Record<string, unknown>)[field]));
