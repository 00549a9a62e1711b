import { createPrivateKey, X509Certificate } from "node:crypto";
import { decodeJwt } from "jose";
import { CitadelError } from "../../errors.ts";
import { issuerOf } from "./api-keys.ts";
import type { ValueType } from "./types.ts";

/** What a value says of itself. */
export interface Checked {
  /** ms since 1970 */
  readonly expires?: number;
  /** for lists, such as the issuer of an API key; nothing secret */
  readonly detail?: string;
}

/** Whether the value is what its type says. @throws E_INVALID_SECRET without a word of the value */
export function checkValue(type: ValueType, value: Uint8Array): Checked {
  if (type === "custom") return {};
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  if (text.trim() === "") throw wrong(type, "is empty");
  return checks[type](text);
}

/**
 * A value for a screen that others may see: what it is, and none of what is secret about it.
 * @returns `postgres://app:********@db.example/shop`
 */
export function maskedValue(type: ValueType, value: Uint8Array): string {
  const text = Buffer.from(value).toString();
  try {
    if (type === "connection") return maskedUrl(text);
    if (type === "certificate") {
      const { subject, validTo } = certificatesOf(text)[0] ?? {};
      if (subject) return `${subject.replaceAll("\n", ", ")} until ${validTo}`;
    }
  } catch {
    // it was kept before it had a type
  }
  return `******** (${value.byteLength} bytes)`;
}

const wrong = (type: ValueType, why: string, cause?: unknown): CitadelError =>
  new CitadelError("E_INVALID_SECRET", `the value ${why}, so it is no ${names[type]}`, {
    hint: [`keep it as it is: --type custom`],
    ...(cause !== undefined && { cause }),
  });

const names: Readonly<Record<ValueType, string>> = {
  password: "password",
  "api-key": "API key",
  certificate: "certificate",
  jwt: "JWT",
  connection: "connection",
  custom: "value",
};

const checks: Readonly<Record<Exclude<ValueType, "custom">, (text: string) => Checked>> = {
  password(text) {
    if (/[\r\n]/.test(text)) throw wrong("password", "has several lines");
    return {};
  },
  "api-key"(text) {
    if (/\s/.test(text)) throw wrong("api-key", "has white space");
    const issuer = issuerOf(text);
    return issuer === undefined ? {} : { detail: issuer };
  },
  jwt(text) {
    if (text.split(".").length !== 3) throw wrong("jwt", "has not three parts");
    try {
      const { exp } = decodeJwt(text);
      return exp === undefined ? {} : { expires: exp * 1000 };
    } catch {
      throw wrong("jwt", "cannot be decoded");
    }
  },
  connection(text) {
    if (!URL.canParse(text) || /\s/.test(text)) throw wrong("connection", "is no URL");
    const { protocol, hostname, pathname } = new URL(text);
    if (hostname === "" && pathname.length < 2) throw wrong("connection", "names no host");
    return { detail: protocol.slice(0, -1) };
  },
  certificate(text) {
    let certificates: X509Certificate[];
    try {
      certificates = certificatesOf(text);
    } catch {
      throw wrong("certificate", "has a certificate that cannot be read");
    }
    const [leaf] = certificates;
    if (!leaf) throw wrong("certificate", "has no PEM block CERTIFICATE");
    const key = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[^-]*-----END [A-Z ]*-----/.exec(text)?.[0];
    if (key !== undefined && !/ENCRYPTED/.test(key)) mustMatch(leaf, key);
    return { expires: leaf.validToDate.getTime() };
  },
};

function mustMatch(leaf: X509Certificate, key: string): void {
  let matches: boolean;
  try {
    matches = leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw wrong("certificate", "has a private key that cannot be read");
  }
  if (!matches) throw wrong("certificate", "has the private key of another certificate");
}

/** The first one is that of the bearer. */
const certificatesOf = (text: string): X509Certificate[] =>
  (text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );

function maskedUrl(text: string): string {
  const url = new URL(text);
  if (url.password) url.password = "********";
  // keys are passed there too
  for (const name of new Set(url.searchParams.keys())) url.searchParams.set(name, "********");
  return url.href;
}
