import { SecretsCommand } from "@citadel/core/secrets";
import type { Rekeyed } from "@citadel/core/vault";

/** The base of the commands that make new keys. */
export abstract class RekeyCommand extends SecretsCommand {
  /** Says what has new keys, and what of the old ones is left. */
  protected sayRekeyed(items: readonly Rekeyed[]): void {
    for (const { scope, generation, records, left } of items) {
      const what = scope === undefined ? "the vault" : `the scope ${scope}`;
      this.success(`${what} has key ${generation}, ${records} records sealed anew`);
      for (const key of left) this.warn(`the store did not delete ${key}`);
    }
  }
}
