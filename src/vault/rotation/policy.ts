import { readFile, stat } from "node:fs/promises";
import { CitadelError } from "../../errors.ts";
import { parseDuration } from "../../config/units.ts";
import { globMatches } from "../policy/glob.ts";

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
  return policyOf(await readJson(path), path);
}

/** How the secrets of a pattern of `<scope>/<name>` are rotated when they are due; the first that fits counts. */
export type RotationRules = readonly (readonly [pattern: string, policy: RotationPolicy])[];

/**
 * Rules by pattern, for what nobody watches: each has a generator, and nobody else may write to the file, as it names programs.
 * @throws E_USAGE
 */
export async function readRotationRules(path: string): Promise<RotationRules> {
  const rules = Object.entries(await readJson(path)).map(
    ([pattern, value]) =>
      [pattern, policyOf(value, `${path}: ${JSON.stringify(pattern)}`)] as const,
  );
  const without = rules.find(([, { generate }]) => !generate);
  if (without)
    throw new CitadelError("E_USAGE", `${path}: ${JSON.stringify(without[0])} has no generate`);
  if (((await stat(path)).mode & 0o022) !== 0)
    throw new CitadelError("E_USAGE", `${path} can be written to by others`, {
      hint: [`chmod go-w ${path}`],
    });
  return rules;
}

export const ruleFor = (rules: RotationRules, secret: string): RotationPolicy | undefined =>
  rules.find(([pattern]) => globMatches(pattern, secret))?.[1];

async function readJson(path: string): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new CitadelError("E_USAGE", `${path} cannot be read as JSON`, { cause: error });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new CitadelError("E_USAGE", `${path} holds no object`);
}

/** @param at where it stands, for people */
function policyOf(value: unknown, at: string): RotationPolicy {
  const wrong = (field: string) => new CitadelError("E_USAGE", `${at}: ${field} is not right`);
  if (typeof value !== "object" || value === null) throw wrong("it");
  const { generate: made, set, test, grace, timeout, ...more } = value as Record<string, unknown>;
  const [surplus] = Object.keys(more);
  if (surplus !== undefined) throw wrong(JSON.stringify(surplus));
  for (const [field, command] of Object.entries({ set, test }))
    if (command !== undefined && !isCommand(command)) throw wrong(field);
  if (made !== undefined && !isGenerator(made)) throw wrong("generate");
  const duration = (field: string, text: unknown): number => {
    const ms = typeof text === "string" && /[a-z]/i.test(text) ? parseDuration(text) : undefined;
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
