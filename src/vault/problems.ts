import { CitadelError } from "../errors.ts";

/** Something of the vault is not what its signed history says: nothing of it is used. */
export const damaged = (what: string, cause?: unknown): CitadelError =>
  new CitadelError("E_VAULT_DAMAGED", what, cause === undefined ? {} : { cause });

/** This identity has no key for it, or no right. */
export const denied = (what: string): CitadelError => new CitadelError("E_SECRET_DENIED", what);

/** The identity does not open, or nothing opens with it. */
export const locked = (what: string, cause?: unknown, hint?: readonly string[]): CitadelError =>
  new CitadelError("E_VAULT_LOCKED", what, {
    ...(cause !== undefined && { cause }),
    ...(hint && { hint }),
  });
