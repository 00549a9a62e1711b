import type { Keychain } from "./keychain.ts";

/** Of the entries that this user's other programs have. */
const service = "citadel-vault";

/** macOS Keychain, Windows Credential Manager, Secret Service; never the kernel's keyring, which forgets. */
export async function open(): Promise<Keychain> {
  const { AsyncEntry } = await import("@napi-rs/keyring");
  const entry = (account: string) =>
    new AsyncEntry(service, account, { linux: { store: "secret-service" } });
  return {
    get: async (account) => (await entry(account).getPassword()) ?? undefined,
    set: (account, text) => entry(account).setPassword(text),
    async delete(account) {
      await entry(account).deletePassword();
    },
  };
}
