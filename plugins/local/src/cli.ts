import { readFile } from "node:fs/promises";
import { formatSize } from "@citadel/core";
import { local, type Caller } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import type { JsonObject } from "@citadel/core/registry";
import type { Column, Progress, Terminal } from "@citadel/core/terminal";
import { parseObject } from "./folder.ts";

/** The operating-system user at the command line. */
export const caller: Caller = { principal: local, via: "cli" };

/** @throws E_USAGE, E_INVALID_DOCUMENT */
export async function readMetadata(path: string | undefined): Promise<JsonObject> {
  if (path === undefined) return {};
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, {
      hint: ["name a JSON file: -m metadata.json"],
      cause: error,
    });
  });
  return parseObject(text, path);
}

/** Bytes for people on a terminal, exact ones for programs. */
export const sizeText = (terminal: Terminal, bytes: number): string =>
  terminal.out.tty ? formatSize(bytes) : String(bytes);

/** A date for people on a terminal, ISO 8601 for programs. */
export const timeText = (terminal: Terminal, ms: number): string => {
  const iso = new Date(ms).toISOString();
  return terminal.out.tty ? iso.slice(0, 16).replace("T", " ") : iso;
};

/** What long work says about itself, on the terminal. */
export function showPhases(
  progress: Progress,
): (at: { readonly phase: string; readonly done: number; readonly total?: number }) => void {
  let now = "";
  return ({ phase, done, total }) => {
    if (phase !== now) progress.phase((now = phase), total);
    progress.at(done);
  };
}

/** A name and its value, as the commands that show one thing print them. */
export type Fact = readonly [name: string, value: string | number | boolean | undefined];

/** Rows for the facts that there are, booleans as words. */
export const facts = (all: readonly Fact[]): Fact[] =>
  all
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => [name, typeof value === "boolean" ? (value ? "yes" : "no") : value]);

export const factColumns: readonly Column<Fact>[] = [
  { name: "what", value: ([name]) => name, importance: 0 },
  { name: "value", value: ([, value]) => String(value), importance: 0 },
];
