import { CitadelError } from "@citadel/core/errors";
import { readRotationRules, type DueRotation, type RotationRules } from "@citadel/core/rotation";
import type { Column } from "@citadel/core/terminal";

/** @throws E_USAGE without a path, and for rules that are not understood */
export async function rulesOf(path: string | undefined): Promise<RotationRules> {
  if (path !== undefined) return readRotationRules(path);
  throw new CitadelError("E_USAGE", "nothing says how secrets are rotated", {
    hint: ["name a file with rules: --policy <file>, or the setting secrets.rotation"],
  });
}

export const dueColumns: readonly Column<DueRotation>[] = [
  { name: "what", value: ({ what }) => what, importance: 0 },
  { name: "scope", value: ({ scope }) => scope },
  { name: "name", value: ({ name }) => name, importance: 0 },
  { name: "version", value: ({ version }) => String(version ?? "") },
  { name: "why", value: ({ error }) => error ?? "" },
];

/** 1 when one failed, 3 when one is due still, else 0. */
export const exitOf = (items: readonly DueRotation[]): number =>
  items.some(({ what }) => what === "failed")
    ? 1
    : items.some(({ what }) => what !== "rotated")
      ? 3
      : 0;
