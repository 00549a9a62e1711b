import type { Vault } from "../api.ts";
import { generate } from "../values/generate.ts";
import { runHook } from "./hook.ts";
import type { RotationPolicy } from "./policy.ts";

export interface Rotate {
  readonly which: { readonly name: string; readonly scope?: string | undefined };
  readonly policy: RotationPolicy;
  /** of the new version; not asked for when one is on its way already */
  value(): Promise<Buffer>;
  readonly signal: AbortSignal;
  /** a step is done */
  done(step: "create" | "set" | "test" | "finish"): void;
}

/**
 * Create, set, test, finish: each step is on record before the next one, and a rotation that was begun goes on where it
 * stopped. Until the last step the value in use is the old one.
 * @throws E_ROTATION when a program fails; the same again goes on there
 */
export async function rotateInSteps(
  vault: Vault,
  { which, policy, value, signal, done }: Rotate,
): Promise<{ readonly rotation: string; readonly version: number; readonly scope: string }> {
  let rotation = await vault.rotating(which);
  if (!rotation) {
    const fresh = policy.generate ? Buffer.from(generate(policy.generate)) : await value();
    ({ rotation } = await vault.beginRotation(which, fresh));
    fresh.fill(0);
  }
  const { id, n } = rotation;
  done("create");
  const after = { create: 0, set: 1, test: 2 }[rotation.step];
  for (const step of (["set", "test"] as const).slice(after)) {
    const command = policy[step];
    if (command) {
      const read = await vault.get(which, { version: n, use: "rotate" });
      const env = {
        CITADEL_SECRET: read.name,
        CITADEL_SECRET_SCOPE: read.scope,
        CITADEL_SECRET_VERSION: String(n),
        CITADEL_ROTATION: id,
        CITADEL_ROTATION_STEP: step,
      };
      await runHook(read.value, { command, env, timeout: policy.timeout, signal });
      read.value.fill(0);
    }
    await vault.step(which, id, step);
    done(step);
  }
  const { version, scope } = await vault.step(which, id, "finish", policy.grace);
  done("finish");
  return { rotation: id, version, scope };
}
