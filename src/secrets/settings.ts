import type { Secret } from "../config/reference.ts";
import { CitadelError, errorCode } from "../errors.ts";
import type { Vault } from "../vault/index.ts";
import type { Unasked } from "./unasked.ts";

/** What settings refer to, out of the vault as far as it opens without asking anybody; nothing is opened before it is asked for. */
export function settingSecrets(citadel: Unasked): Secret {
  let vault: Vault | undefined;
  return async (reference, where) => {
    const [{ openUnasked }, { readValueOf }] = await Promise.all([
      import("./unasked.ts"),
      import("../vault/reference.ts"),
    ]);
    vault ??= openUnasked(citadel);
    try {
      return (await readValueOf(vault, reference)).toString();
    } catch (error) {
      const code = errorCode(error);
      // somebody may put it right
      if (code === "E_VAULT_LOCKED") vault = undefined;
      if (code === undefined) throw error;
      const { message, hint } = error as CitadelError;
      throw new CitadelError(code, `${where} refers to a secret: ${message}`, {
        ...(hint && { hint }),
        cause: error,
      });
    }
  };
}
