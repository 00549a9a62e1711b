import { logger } from "../log.ts";
import type { Notices } from "../notices/notices.ts";
import type { Changed } from "../policy/policies.ts";
import type { Actor, Store } from "../store/types.ts";
import { namesOf } from "../store/walk.ts";
import { quarantineKind } from "./quarantine.ts";
import { releasing } from "./releasing.ts";

/** Has hooks told of versions in quarantine that a change of the policy lets through. Never rejects. */
export async function noteExceptions(
  store: Pick<Store, "ledger">,
  notices: Pick<Notices, "note">,
  { before, state }: Changed,
  { name: by }: Actor,
): Promise<void> {
  try {
    const now = Date.now();
    const ledger = store.ledger(quarantineKind());
    if (state.exceptions.length === 0) return;
    for await (const name of namesOf(ledger)) {
      const lets = await releasing(state.exceptions, name, now);
      if (!lets) continue;
      const did = await releasing(before.exceptions, name, now);
      for (const { version, origin: upstream } of (await ledger.read(name))?.state.versions ?? [])
        if (lets(version).length > 0 && !did?.(version).length)
          await notices.note("package.released", { name, version, upstream, by });
    }
  } catch (error) {
    logger("notices")("what an exception releases is not told", { error });
  }
}
