import type { Citadel } from "../citadel.ts";
import { environment, take } from "../config/environment.ts";
import { CitadelError } from "../errors.ts";
import { createGuard, type Guard } from "./guard.ts";

/**
 * The guard of the settings for the vault of this store, as far as it opens without asking anybody.
 * @param lenient lets pass what only looks like a secret
 */
export function openGuard(
  citadel: Citadel,
  { lenient, warn }: { readonly lenient: boolean; readonly warn: (line: string) => void },
): Guard {
  const { values, patterns } = citadel.settings.guard;
  return createGuard({
    ...{ values, warn },
    patterns: lenient && patterns === "refuse" ? "warn" : patterns,
    async traces() {
      const [{ openSecrets }, { readSecretFile }] = await Promise.all([
        import("../secrets/open.ts"),
        import("../terminal/secret.ts"),
      ]);
      const env = environment();
      const path = env["CITADEL_PASSPHRASE_FILE"];
      const vault = openSecrets({
        citadel,
        from: {
          file: env["CITADEL_IDENTITY_FILE"] || undefined,
          variable: take("CITADEL_IDENTITY"),
        },
        async passphrase() {
          if (path && path !== "-") return readSecretFile(path, "passphrase");
          throw new CitadelError("E_VAULT_LOCKED", "there is no passphrase here");
        },
      });
      return vault.traces();
    },
  });
}
