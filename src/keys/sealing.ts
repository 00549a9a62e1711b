import type { Driver, Key, SealingKey, SealingKeys } from "../driver/index.ts";
import type { Sealer, SealerOptions } from "./sealer.ts";

/** What the key of sealed objects is derived for; part of the format of what is stored. */
const use = "objects of the store";

/**
 * Keys of sealed objects, derived from the key of this server, which is read when the first object needs it. One is made
 * where there is none and nothing in the store was sealed under another yet.
 * @param documents holds the keys of the server
 */
export function sealingKeys(documents: Driver, options: SealerOptions): SealingKeys {
  let held: SealingKey | undefined;
  const derived = (sealer: Sealer): SealingKey =>
    (held = { id: sealer.id, secret: sealer.derive(use) });
  const lacking = async (what: string) =>
    (await import("./sealer.ts")).wrongKey(
      what,
      options,
      "what it sealed has to be published again",
    );

  const make = async (): Promise<SealingKey> => {
    const [{ openSealer }, { createKeys }, { openStore }] = await Promise.all([
      import("./sealer.ts"),
      import("./keys.ts"),
      import("../store/store.ts"),
    ]);
    // what is sealed under a key that others lack is lost to them
    const store = openStore({ driver: documents, grace: 0, memory: 1 << 20 });
    await createKeys({ store, ...options }).check();
    const sealer = await openSealer(options, true);
    if (!sealer) throw await lacking("the store");
    return derived(sealer);
  };

  return {
    current: () => held ?? make(),
    async named(id: string, object: Key) {
      if (held?.id === id) return held;
      const { openSealer } = await import("./sealer.ts");
      const sealer = await openSealer(options, false);
      if (sealer?.id !== id) throw await lacking(object);
      return derived(sealer);
    },
  };
}
