import { sizeText, type Column, type Fact, type Terminal } from "@citadel/core/terminal";
import type { Moved, Problem } from "./source.ts";

export const movedFacts = (terminal: Terminal, { packages, versions, bytes }: Moved): Fact[] => [
  ["packages added", packages.added],
  ["packages changed", packages.changed],
  ["packages unchanged", packages.unchanged],
  ["packages cached", packages.cached || undefined],
  ["packages failed", packages.failed || undefined],
  ["versions added", versions.added],
  ["versions unchanged", versions.unchanged],
  ["versions cached", versions.cached || undefined],
  ["versions failed", versions.failed || undefined],
  ["content", sizeText(terminal, bytes)],
];

export const problemColumns: readonly Column<Problem>[] = [
  {
    name: "stays behind",
    value: ({ subject, version }) => (version === undefined ? subject : `${subject}@${version}`),
    importance: 0,
  },
  { name: "code", value: ({ code }) => code, importance: 1 },
  { name: "why", value: ({ message }) => message, importance: 2 },
];
