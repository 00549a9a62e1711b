import { createHash, randomBytes } from "node:crypto";
import { CitadelError } from "../errors.ts";
import type { Keys } from "../keys/keys.ts";
import { changeUser, findUser, type Context } from "./context.ts";
import type { Limiter } from "./limiter.ts";
import type { Accounts, FactorMode, UserState } from "./state.ts";

/** seconds of a step, digits of a code: what every authenticator app takes (RFC 6238) */
const period = 30;
const digits = 6;
/** 160 bits, as RFC 4226 asks for */
const secretBytes = 20;
const recoveryCodes = 5;
/** npm's prompt takes digits, or exactly so many in hex */
const recoveryBytes = 32;
/** wrong codes of a user in a quarter of an hour */
const mostWrong = 10;

export interface FactorContext extends Context {
  readonly keys: Pick<Keys, "seal" | "unseal">;
  readonly limiter: Limiter;
}

type SecondFactor = Pick<
  Accounts,
  "beginFactor" | "confirmFactor" | "setFactorMode" | "endFactor" | "checkCode"
>;

/** One-time passwords (TOTP) and recovery codes. */
export function createSecondFactor(context: FactorContext): SecondFactor {
  const { keys, limiter } = context;

  /** The step that a code is of; undefined when it is of none that is near. */
  const stepOf = async (
    name: string,
    sealed: string,
    code: string,
  ): Promise<number | undefined> => {
    const secret = await keys.unseal(sealed, useOf(name), `the second factor of ${name}`);
    const { Secret, TOTP } = await import("otpauth");
    const bytes = new Uint8Array(secret).buffer;
    const totp = new TOTP({ secret: new Secret({ buffer: bytes }), period, digits });
    const now = Date.now();
    const delta = totp.validate({ token: code, timestamp: now, window: 1 });
    return delta === null ? undefined : Math.floor(now / 1000 / period) + delta;
  };

  /** Counts the try; `use` says whether the code is right. */
  const tried = async (name: string, use: () => Promise<boolean>): Promise<void> => {
    const giveBack = await limiter.take([{ key: `code:${name}`, most: mostWrong }]);
    if (!(await use())) throw wrongCode();
    await giveBack();
  };

  return {
    async beginFactor(name, mode, issuer, who) {
      const { Secret, TOTP } = await import("otpauth");
      const secret = new Secret({ size: secretBytes });
      const sealed = await keys.seal(secret.bytes, useOf(name));
      await changeUser(context, name, who, ({ secondFactor }) => {
        if (secondFactor)
          throw new CitadelError("E_CONFLICT", "one-time passwords are on already", {
            hint: ["turn them off first: npm profile disable-2fa"],
          });
        return [{ type: "factor-begin", mode, secret: sealed }];
      });
      return new TOTP({ issuer, label: name, secret, period, digits }).toString();
    },

    async confirmFactor(name, code, who) {
      const found = await findUser(context, name);
      const pending = found?.pendingFactor;
      if (!pending)
        throw new CitadelError("E_CONFLICT", "one-time passwords were not begun", {
          hint: ["begin: npm profile enable-2fa"],
        });
      const codes = Array.from({ length: recoveryCodes }, newRecoveryCode);
      await tried(name, async () => {
        const step = await stepOf(name, pending.secret, code);
        if (step === undefined) return false;
        let done = false;
        await changeUser(context, name, who, (state) => {
          done = state.pendingFactor?.secret === pending.secret;
          return done ? [{ type: "factor-confirm", step, recovery: codes.map(recoveryHash) }] : [];
        });
        return done;
      });
      return codes;
    },

    setFactorMode: (name, mode, who) =>
      changeUser(context, name, who, ({ secondFactor }) =>
        secondFactor && secondFactor.mode !== mode ? [{ type: "factor-mode", mode }] : [],
      ),

    endFactor: (name, who) =>
      changeUser(context, name, who, ({ secondFactor, pendingFactor }) =>
        secondFactor || pendingFactor ? [{ type: "factor-end" }] : [],
      ),

    async checkCode(name, code, who) {
      const text = code.replaceAll(/[\s-]/g, "");
      const { secondFactor } = (await findUser(context, name)) ?? {};
      if (!secondFactor) throw wrongCode();
      await tried(name, async () => {
        const step = /^\d{6}$/.test(text)
          ? await stepOf(name, secondFactor.secret, text)
          : undefined;
        const hash = recoveryHash(text);
        let used = false;
        await changeUser(context, name, who, (state) => {
          const event = step === undefined ? byRecovery(state, hash) : byStep(state, step);
          used = event !== undefined;
          return event ? [event] : [];
        });
        return used;
      });
    },
  };
}

/** A code counts once, and none that is older than one that was used. */
function byStep({ secondFactor }: UserState, step: number) {
  if (!secondFactor || step <= secondFactor.step) return undefined;
  return { type: "code", step } as const;
}

function byRecovery({ secondFactor }: UserState, hash: string) {
  if (!secondFactor?.recovery.includes(hash)) return undefined;
  return { type: "recovery", hash } as const;
}

const useOf = (name: string): string => `user/${name}/totp`;

const newRecoveryCode = (): string => randomBytes(recoveryBytes).toString("hex");

const recoveryHash = (code: string): string =>
  createHash("sha256").update(code.toLowerCase()).digest("hex");

/** What a request is told that needs a code and has none. The words are what clients look for. */
export const codeNeeded = (hint?: readonly string[]): CitadelError =>
  new CitadelError("E_OTP_REQUIRED", "you must provide a one-time pass for this", hint && { hint });

const wrongCode = (): CitadelError =>
  new CitadelError("E_OTP_REQUIRED", "the one-time pass is wrong, or it was used already", {
    hint: ["wait for the next code of your app, or take a recovery code that is left"],
  });

/** @throws E_INVALID_DOCUMENT */
export function checkFactorMode(mode: unknown): FactorMode {
  if (mode === "auth-only" || mode === "auth-and-writes") return mode;
  throw new CitadelError("E_INVALID_DOCUMENT", "the mode is auth-only or auth-and-writes");
}
