import { randomUUID } from "node:crypto";
import { alert, logger, type Citadel } from "@citadel/core";
import { temporary } from "@citadel/core/store";
import type { ServerVault } from "./vault.ts";

/** ms between two looks, and that a server has the rotation of a secret for itself */
const pause = 60_000;
const lease = 15 * 60_000;

/**
 * D4: rotates what is due, by the rules of `secrets.rotation`, while the server runs. Of several servers and workers one does it:
 * a second one would call the same programs at the same time.
 * @returns ends it, once the program that runs has ended
 */
export function startRotation(
  { settings, store, background }: Citadel,
  vault: ServerVault,
): () => Promise<void> {
  const log = logger("rotation");
  const path = settings.secrets.rotation;
  if (!settings.secrets.rotate || path === undefined) return async () => {};
  const leases = temporary<string>(store.driver, "rotation");
  const me = randomUUID();
  const stopping = new AbortController();
  const { signal } = stopping;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  /** Takes the lease, or has it for so long. */
  const hold = (ms: number): Promise<boolean> =>
    leases.change("vault", (now) => {
      if (now && now.value !== me) return { next: undefined, answer: false };
      return { next: { value: me, until: Date.now() + ms }, answer: true };
    });

  const turn = async (): Promise<void> => {
    // read anew: it may have been put right
    const { readRotationRules, rotateDue } = await import("@citadel/core/rotation");
    const rules = await readRotationRules(path);
    let held = false;
    const before = async () => (held = await hold(lease));
    try {
      const items = await vault((opened) => rotateDue(opened, { rules, signal, before }));
      for (const { scope, name, what, error } of items)
        if (what === "failed") alert("rotation", `${scope}/${name} was not rotated: ${error}`);
        else log("a secret is due", { secret: `${scope}/${name}`, what });
    } finally {
      if (held) await hold(1);
    }
  };
  const run = (): void => {
    running = background
      .run("rotation", turn)
      .catch((error: unknown) => {
        if (!signal.aborted) alert("rotation", `what is due is not rotated: ${String(error)}`);
      })
      .then(() => {
        if (!signal.aborted) timer = setTimeout(run, pause).unref();
      });
  };
  run();

  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await running;
  };
}
