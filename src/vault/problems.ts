import { CitadelError } from "../errors.ts";

/** Something of the vault is not what its signed history says: nothing of it is used. */
export const damaged = (what: string, cause?: unknown): CitadelError =>
  new CitadelError("E_VAULT_DAMAGED", what, cause === undefined ? {} : { cause });

/** This identity has no key for it, or no right. */
export const denied = (what: string): CitadelError => new CitadelError("E_SECRET_DENIED", what);
