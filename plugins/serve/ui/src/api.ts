import { signal } from "@preact/signals";
import { base } from "./router.ts";

/** What went wrong with a question, in the words of the server where it has answered. */
export interface Failure {
  readonly message: string;
  /** `E_NETWORK` where there was no answer */
  readonly code: string;
  readonly status: number;
  readonly hint: readonly string[];
  readonly requestId?: string;
  /** what was answered instead of an error */
  readonly answer?: unknown;
}

export const isFailure = (value: unknown): value is Failure =>
  typeof value === "object" && value !== null && "code" in value && "hint" in value;

export interface Question {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Asks for a one-time password; undefined when the person gives up. Set by the shell. */
export const codeAsked = signal<((code: string | undefined) => void) | undefined>(undefined);

/**
 * One question to the server, below `/_dashboard/api`: `/session`, `/_api/security/keys`.
 * @throws Failure
 */
export async function ask<T>(to: string, question: Question = {}): Promise<T> {
  try {
    return await send<T>(to, question);
  } catch (error) {
    if (!isFailure(error) || error.code !== "E_OTP_REQUIRED") throw error;
    const code = await new Promise<string | undefined>((resolve) => (codeAsked.value = resolve));
    codeAsked.value = undefined;
    if (code === undefined) throw error;
    return send<T>(to, question, { "npm-otp": code });
  }
}

/** The same without a second try. @throws Failure */
export async function send<T>(
  to: string,
  { method = "GET", body, signal }: Question,
  more: Readonly<Record<string, string>> = {},
): Promise<T> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${base}/api${to}`, {
      method,
      signal: signal ?? null,
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...more,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw {
      message: "the server does not answer",
      ...{ code: "E_NETWORK", status: 0 },
      hint: ["see whether citadel serve still runs"],
    } satisfies Failure;
  }
  if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
  throw failureOf(response.status, text);
}

function failureOf(status: number, text: string): Failure {
  const plain = {
    message: `the server answered with status ${status}`,
    code: "E_ANSWER",
    status,
    hint: [],
  };
  try {
    const answer = JSON.parse(text) as Omit<Failure, "message"> & { error?: unknown };
    const { error, ...rest } = answer;
    if (typeof error === "string" && isFailure(rest)) return { ...rest, message: error, status };
    return { ...plain, answer };
  } catch {
    return plain; // a proxy in between answers in its own way
  }
}
