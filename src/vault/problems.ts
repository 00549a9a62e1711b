import { CitadelError } from "../errors.ts";

/** Something of the vault is not what its signed history says: nothing of it is used. */
export const damaged = (what: string, cause?: unknown): CitadelError =>
  new CitadelError("E_VAULT_DAMAGED", what, cause === undefined ? {} : { cause });
