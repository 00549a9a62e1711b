import { TOTP, URI } from "otpauth";

/** An authenticator app: codes of the address that a registry showed. Each `code()` is of another 30-second step. */
export interface App {
  /** a code that was not given yet; at most three within 30 seconds, as the registry takes one step either side */
  code(): string;
  /** the code of a step long past */
  old(): string;
}

export function authenticator(address: string): App {
  const totp = URI.parse(address);
  if (!(totp instanceof TOTP)) throw new Error(`no TOTP address: ${address}`);
  let used = Math.floor(Date.now() / 30_000) - 2;
  return {
    code() {
      used++;
      return totp.generate({ timestamp: used * 30_000 });
    },
    old: () => totp.generate({ timestamp: Date.now() - 600_000 }),
  };
}
