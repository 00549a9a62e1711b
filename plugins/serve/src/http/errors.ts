import { CitadelError, errorObject, type ErrorObject } from "@citadel/core";
import { SlowBody } from "./body.ts";
import type { Answer } from "./exchange.ts";
import { apiHeaders } from "./headers.ts";

/**
 * Any thrown value as an answer that npm clients can show: `error` is one line of plain text, the rest stands beside it.
 * Never carries a stack, and nothing of the request that could be taken for markup or for terminal control.
 */
export function errorAnswer(error: unknown, requestId: string): Answer {
  const { message, ...rest } = errorObject(error);
  const addresses = error instanceof CodeChallenge ? error.addresses : {};
  const body = bytesOf({ error: oneLine(message), ...rest, ...addresses, requestId });
  const headers = [
    ...jsonHeaders,
    "content-length",
    String(body.length),
    "x-request-id",
    requestId,
  ];
  const challenge = challengeOf(error, rest);
  if (challenge !== undefined) headers.push("www-authenticate", challenge);
  const retryAfter = (error as { readonly retryAfter?: unknown } | undefined)?.retryAfter;
  if (typeof retryAfter === "number") headers.push("retry-after", String(retryAfter));
  else if (rest.retryable && rest.status >= 500) headers.push("retry-after", "1");
  if (error instanceof SlowBody) headers.push("connection", "close");
  return { status: rest.status, headers, body };
}

const jsonHeaders = [
  ...apiHeaders,
  "content-type",
  "application/json",
  "cache-control",
  "no-store",
];

/** npm and bun choose what they tell the user by the first word. */
function challengeOf(
  error: unknown,
  { code, status }: Omit<ErrorObject, "message">,
): string | undefined {
  if (status !== 401) return undefined;
  if (code === "E_TOKEN_ADDRESS") return "ipaddress";
  if (code === "E_OTP_REQUIRED") return "OTP";
  return error instanceof WrongPassword ? 'Basic realm="citadel"' : 'Bearer realm="citadel"';
}

/** A name and password that do not belong together. */
export class WrongPassword extends CitadelError {
  constructor(cause: unknown) {
    super("E_AUTH_INVALID", "wrong user name or password", {
      cause,
      hint: ["try again, or ask an administrator for an account"],
    });
  }
}

/** A code is needed, and may come from an approval in the browser. */
export class CodeChallenge extends CitadelError {
  readonly addresses: { readonly authUrl: string; readonly doneUrl: string };
  constructor(needed: CitadelError, addresses: CodeChallenge["addresses"]) {
    super("E_OTP_REQUIRED", needed.message, { hint: needed.hint });
    this.addresses = addresses;
  }
}

/** JSON in which nothing reads as markup, should anything ever take it for HTML. */
function bytesOf(value: unknown): Uint8Array {
  const text = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return new TextEncoder().encode(text);
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim();
}
