import { readFile } from "node:fs/promises";
import { durationOf } from "@citadel/core/secrets";
import { CitadelError } from "@citadel/core/errors";
import { generate, type Vault } from "@citadel/core/vault";
import { runHook } from "./hook.ts";

/** How a secret is rotated in four steps; lies in a file, as its programs are run by whoever rotates. */
export interface RotationPolicy {
  readonly generate?: { readonly length: number; readonly symbols?: boolean };
  /** gives the new value to what uses it */
  readonly set?: readonly string[];
  /** exits with 0 when the new value works */
  readonly test?: readonly string[];
  /** ms that the version before stays readable */
  readonly grace?: number;
  /** ms for each program */
  readonly timeout: number;
}

const minute = 60_000;

/** @throws E_USAGE for anything that is not understood */
export async function readRotationPolicy(path: string): Promise<RotationPolicy> {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    throw new CitadelError("E_USAGE", `${path} cannot be read as JSON`, { cause: error });
  }
  const wrong = (field: string) => new CitadelError("E_USAGE", `${path}: ${field} is not right`);
  const { generate: made, set, test, grace, timeout, ...more } = value;
  const [surplus] = Object.keys(more);
  if (surplus !== undefined) throw wrong(JSON.stringify(surplus));
  for (const [field, command] of Object.entries({ set, test }))
    if (command !== undefined && !isCommand(command)) throw wrong(field);
  if (made !== undefined && !isGenerator(made)) throw wrong("generate");
  const duration = (field: string, text: unknown): number => {
    const ms = typeof text === "string" ? durationOf(text) : undefined;
    if (ms === undefined) throw wrong(field);
    return ms;
  };
  return {
    ...(made !== undefined && { generate: made as { length: number } }),
    ...(set !== undefined && { set: set as string[] }),
    ...(test !== undefined && { test: test as string[] }),
    ...(grace !== undefined && { grace: duration("grace", grace) }),
    timeout: timeout === undefined ? minute : duration("timeout", timeout),
  };
}

const isCommand = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");
const isGenerator = (value: unknown): boolean => {
  const { length, symbols = false, ...more } = (value ?? {}) as Record<string, unknown>;
  return Number.isInteger(length) && typeof symbols === "boolean" && Object.keys(more).length === 0;
};

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
