import { fileURLToPath } from "node:url";
import { StoreError } from "@citadel/core/driver";

/** What a `sqlite:` URL says. */
export interface Location {
  /** absolute path, or ":memory:" */
  readonly file: string;
  readonly synchronous: "full" | "normal";
  /** undefined: the best one that is safe here */
  readonly journal: "wal" | "delete" | undefined;
}

/** Reads `sqlite:/abs/file.db?synchronous=&journal=`, `sqlite:///abs/file.db` and `sqlite::memory:`. Throws INVALID. */
export function location(url: URL): Location {
  const options = new Map(url.searchParams);
  const choice = <T extends string>(name: string, choices: readonly T[]): T | undefined => {
    const value = options.get(name);
    options.delete(name);
    if (value === undefined || choices.includes(value as T)) return value as T | undefined;
    throw invalid(url, `${name} is ${choices.join(" or ")}`);
  };
  const synchronous = choice("synchronous", ["full", "normal"]) ?? "full";
  const journal = choice("journal", ["wal", "delete"]);
  for (const name of options.keys()) throw invalid(url, `there is no option "${name}"`);
  if (url.pathname === ":memory:") return { file: ":memory:", synchronous, journal };
  if (url.host !== "" || !url.pathname.startsWith("/"))
    throw invalid(url, "it needs an absolute path, as in sqlite:/var/lib/citadel/registry.db");
  return { file: fileURLToPath(`file://${url.pathname}`), synchronous, journal };
}

const invalid = (url: URL, why: string): StoreError =>
  new StoreError("INVALID", `${url.href}: ${why}`);
