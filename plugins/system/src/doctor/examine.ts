import type { Citadel } from "@citadel/core";
import type { Loaded } from "@citadel/core/config";
import { failure, type Check, type Finding, type Patient } from "./finding.ts";
import { checkDisk, checkFolders, checkLeftovers } from "./folders.ts";
import { checkHygiene, checkNode, checkPort } from "./machine.ts";
import { checkPlugins } from "./plugins.ts";
import { checkRegistry } from "./registry.ts";
import { checkSettings } from "./settings.ts";
import { checkStores } from "./stores.ts";

export interface ExamineOptions extends Omit<Patient, "loaded"> {
  load(): Promise<Loaded>;
  open(): Promise<Citadel>;
  /** the whole store, not what is newest */
  readonly deep: boolean;
  /** the first word of what is looked at next */
  readonly phase: (label: string) => void;
}

/** All findings, as they are made. What fails to be checked is a finding, never the end. */
export async function* examine({
  load,
  open,
  deep,
  phase,
  ...rest
}: ExamineOptions): AsyncGenerator<Finding, void, void> {
  let broken: unknown;
  const loaded = await load().catch((error: unknown) => void (broken = error));
  const patient: Patient = { ...rest, loaded: loaded ?? undefined };
  const checks: [string, Check][] = [
    ["settings", checkSettings(broken)],
    ["node", checkNode],
    ["plugins", checkPlugins],
    ["folders", checkFolders],
    ["leftovers", checkLeftovers],
    ["disk", checkDisk],
    ["secrets", checkHygiene],
  ];
  let sound = loaded !== undefined;
  for (const [name, check] of checks) yield* guard(name, () => check(patient));
  if (!loaded) return;
  const settled = { ...patient, loaded };
  yield* guard("port", () => checkPort(settled));
  phase("asking the stores");
  for await (const finding of guard("stores", () => checkStores(settled))) {
    if (finding.level === "error" && /^(documents|blobs)$/.test(finding.check)) sound = false;
    yield finding;
  }
  if (!sound) return;
  phase(deep ? "verifying everything" : "verifying what is newest");
  yield* guard("registry", async function* () {
    yield* checkRegistry(patient, await open(), deep);
  });
}

async function* guard(
  name: string,
  check: () => AsyncGenerator<Finding, void, void>,
): AsyncGenerator<Finding, void, void> {
  try {
    yield* check();
  } catch (error) {
    yield failure(name, error);
  }
}

/** graver ones first; what is not named stands in between */
const graver = [6, 7, 8, 2];

/** The exit code of the gravest finding. */
export const exitOf = (findings: readonly Finding[]): number =>
  graver.find((code) => findings.some(({ exit }) => exit === code)) ??
  Math.max(0, ...findings.map(({ exit }) => exit));
