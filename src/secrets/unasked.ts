import type { Citadel } from "../citadel.ts";
import { environment } from "../config/environment.ts";
import { CitadelError } from "../errors.ts";
import { readSecretFile } from "../terminal/secret.ts";
import type { Vault } from "../vault/index.ts";
import { openSecrets } from "./open.ts";

export type Unasked = Pick<Citadel, "store" | "backends" | "dirs" | "crash" | "identity">;

/** The vault as far as it opens without asking anybody. What it does throws E_VAULT_LOCKED where that is not enough. */
export function openUnasked(citadel: Unasked): Vault {
  const env = environment();
  const path = env["CITADEL_PASSPHRASE_FILE"];
  return openSecrets({
    citadel,
    from: { file: env["CITADEL_IDENTITY_FILE"] || undefined, variable: citadel.identity() },
    async passphrase() {
      if (path && path !== "-") return readSecretFile(path, "passphrase");
      throw new CitadelError("E_VAULT_LOCKED", "there is no passphrase here", {
        hint: ["name a file with it: CITADEL_PASSPHRASE_FILE"],
      });
    },
  });
}
