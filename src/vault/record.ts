import { isDeepStrictEqual } from "node:util";
import { FlattenedEncrypt, flattenedDecrypt } from "jose";
import { CitadelError } from "../errors.ts";
import { damaged } from "./problems.ts";
import type { RecordPlace } from "./types.ts";

/** Bytes of a value. */
export const mostBytes = 64 * 1024;
/** Sizes of plaintexts are multiples of this, so that a length tells little of a value. */
const step = 64;

const understood = { crit: { ctd: true } };
const members = ["ciphertext", "encrypted_key", "header", "iv", "protected", "tag"];

/**
 * Seals bytes as a flattened JWE (`A256GCMKW`, `A256GCM`), bound to their place.
 * @param key 32 bytes, the key of the scope
 * @throws E_TOO_LARGE
 */
export async function sealRecord(
  value: Uint8Array,
  place: RecordPlace,
  key: Uint8Array,
): Promise<Uint8Array> {
  if (value.byteLength > mostBytes)
    throw new CitadelError("E_TOO_LARGE", `${value.byteLength} bytes, at most ${mostBytes}`, {
      hint: ["keep the key of a large thing here, and the thing itself elsewhere"],
    });
  const plain = padded(value);
  const sealed = await new FlattenedEncrypt(plain)
    .setProtectedHeader({ enc: "A256GCM", crit: ["ctd"], ctd: place })
    .setUnprotectedHeader({ alg: "A256GCMKW", kid: `${place.s}.${place.g}` })
    .encrypt(key, understood);
  plain.fill(0);
  return Buffer.from(JSON.stringify(sealed));
}

/**
 * The bytes of a record.
 * @param place what the signed history says of it; the record has to say the same
 * @throws E_VAULT_DAMAGED
 */
export async function openRecord(
  bytes: Uint8Array,
  place: RecordPlace,
  key: Uint8Array,
): Promise<Buffer> {
  const what = `version ${place.n} of ${place.id} (${place.k})`;
  try {
    const jwe = JSON.parse(utf8.decode(bytes)) as Parameters<typeof flattenedDecrypt>[0];
    const { header } = jwe;
    if (
      !isDeepStrictEqual(Object.keys(jwe).sort(), members) ||
      !isDeepStrictEqual(header, { alg: "A256GCMKW", kid: `${place.s}.${place.g}` })
    )
      throw new Error("not a record of this form");
    const opened = await flattenedDecrypt(jwe, key, {
      ...understood,
      keyManagementAlgorithms: ["A256GCMKW"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    const { enc, crit, ctd, iv, tag, ...more } = opened.protectedHeader ?? {};
    if (
      !isDeepStrictEqual({ enc, crit, more }, { enc: "A256GCM", crit: ["ctd"], more: {} }) ||
      typeof iv !== "string" ||
      typeof tag !== "string" ||
      !isDeepStrictEqual(ctd, { ...place })
    )
      throw new Error("it says that it belongs elsewhere");
    const value = unpadded(opened.plaintext);
    opened.plaintext.fill(0);
    return value;
  } catch (error) {
    throw damaged(`the record of ${what} is not the one that was sealed`, error);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `{"b":"<base64url>","pad":"…"}` */
function padded(value: Uint8Array): Buffer {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64url");
  const bare = `{"b":"${text}","pad":""}`.length;
  return Buffer.from(`{"b":"${text}","pad":"${" ".repeat((step - (bare % step)) % step)}"}`);
}

function unpadded(plain: Uint8Array): Buffer {
  const text = /^\{"b":"([\w-]*)","pad":" {0,63}"\}$/.exec(utf8.decode(plain))?.[1];
  const value = text === undefined ? undefined : Buffer.from(text, "base64url");
  if (!value || plain.byteLength % step !== 0 || value.toString("base64url") !== text)
    throw new Error("its content has another form");
  return value;
}
