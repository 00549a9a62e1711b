import { randomBytes } from "node:crypto";
import { CitadelError } from "../errors.ts";
import type { Vault } from "./api.ts";
import { audit } from "./audit.ts";
import { openContents } from "./contents.ts";
import { keyFileOf, makeKeyFile, openKeyFile } from "./key-file.ts";
import { openSession, type VaultOptions } from "./session.ts";
import { versionVerbs } from "./verbs/versions.ts";

export type { VaultOptions } from "./session.ts";

export function openVault(options: VaultOptions): Vault {
  const session = openSession(options);
  const { store, folder, passphrase, history, crash, use } = session;
  return {
    ...versionVerbs(session),

    async init() {
      if (await history.exists())
        throw new CitadelError("E_VAULT_EXISTS", "this store has a vault already");
      await history.state().catch((error: unknown) => {
        if (!(error instanceof CitadelError) || error.code !== "E_VAULT_NOT_FOUND") throw error;
      });
      const known = await openKeyFile(folder, () => passphrase("known"));
      const identity = known ?? (await makeKeyFile(folder, () => passphrase("new")));
      const s = randomBytes(16).toString("base64url");
      const { sign, age, kid } = identity.member;
      const { slot, key } = await openContents(store, identity, crash).newSlot(s, 1, [
        identity.member,
      ]);
      const { id } = await history.begin(identity, {
        operation: { op: "genesis", sign, age, s, slot },
        keep: [key],
      });
      return { vault: id, member: kid, keyFile: keyFileOf(folder), made: known === undefined };
    },

    async audit({ verify = false } = {}) {
      return audit({ ...(await use()), events: history.events() }, verify);
    },
  };
}
