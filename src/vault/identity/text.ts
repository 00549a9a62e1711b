import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import type { JWK } from "jose";
import { CitadelError } from "../../errors.ts";
import { isHash, isRecipient } from "../ops/checks.ts";
import type { Identity, Member } from "../types.ts";
import { keyId } from "./key-id.ts";

/** Words of a fingerprint: 8 of 2048 are 88 bits. */
const words = 8;
const secretKey = /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/;

/** The public halves on one line: `age1….<Ed25519, base64url>`. */
export const publicId = ({ age, sign }: Member): string => `${age}.${sign.x}`;

/** @throws E_USAGE for anything else */
export function readPublicId(text: string): Member {
  const [age = "", x = "", ...more] = text.trim().split(".");
  if (more.length > 0 || !isRecipient(age) || !isHash(x))
    throw new CitadelError("E_USAGE", "this is not the public id of an identity", {
      hint: ["the other machine shows it: citadel secrets:identity"],
    });
  const sign: JWK = { kty: "OKP", crv: "Ed25519", x };
  return { kid: keyId(sign), sign, age };
}

/** The private halves on one line, to be kept on paper or by what runs jobs: `AGE-SECRET-KEY-1….<Ed25519, base64url>`. */
export const secretText = ({ age, sign }: Identity): string => `${age}.${sign.d}`;

/** Undefined for anything else. */
export async function readSecretText(text: string): Promise<Identity | undefined> {
  const [age = "", d = "", ...more] = text.trim().split(".");
  if (more.length > 0 || !secretKey.test(age) || !isHash(d)) return undefined;
  return identityOf(age, { kty: "OKP", crv: "Ed25519", d });
}

/** @param sign with `d`; `x` is what follows from it */
export async function identityOf(age: string, { d = "" }: JWK): Promise<Identity> {
  const { identityToRecipient } = await import("age-encryption");
  // RFC 8410: nothing but the seed stands behind this
  const der = Buffer.concat([pkcs8, Buffer.from(d, "base64url")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const sign: JWK = { kty: "OKP", crv: "Ed25519", x };
  return {
    ...{ age, sign: { ...sign, d } },
    member: { kid: keyId(sign), sign, age: await identityToRecipient(age) },
  };
}

const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** What two people read to each other: words that stand for the SHA-256 of a text. */
export async function fingerprint(text: string): Promise<string> {
  const { wordlist } = await import("@scure/bip39/wordlists/english.js");
  const bits = createHash("sha256")
    .update(text)
    .digest()
    .reduce((all, byte) => all + byte.toString(2).padStart(8, "0"), "");
  return Array.from({ length: words }, (_, index) => {
    const at = Number.parseInt(bits.slice(11 * index, 11 * index + 11), 2);
    return wordlist[at];
  }).join(" ");
}
