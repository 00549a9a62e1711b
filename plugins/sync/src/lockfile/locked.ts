import { CitadelError } from "@citadel/core/errors";
import { checkName } from "@citadel/core/registry";
import { valid } from "semver";
import { strongest } from "./integrity.ts";

/** One version of a package that a lockfile names. */
export interface Locked {
  readonly name: string;
  readonly version: string;
  /** SRI, as the lockfile has it; absent where it has none of the tarball */
  readonly integrity?: string;
  /** an install may do without it */
  readonly optional?: true;
}

/** Something that no registry has. */
export interface Skipped {
  readonly what: string;
  readonly why: string;
}

/** What a lockfile holds. */
export interface Lockfile {
  /** `npm 3`, `pnpm 9.0`, `yarn 1`, `yarn berry 8`, `bun 1` */
  readonly format: string;
  /** each version once, by name */
  readonly locked: readonly Locked[];
  readonly skipped: readonly Skipped[];
}

/** Gathers what the parsers find. */
export interface Gathered {
  /** @param where entry of the lockfile, for people */
  add(where: string, one: Found): void;
  skip(what: string, why: string): void;
}

export interface Found {
  readonly name: string;
  readonly version: string;
  readonly integrity?: unknown;
  /** the address that the lockfile names, if any */
  readonly resolved?: unknown;
  readonly optional?: unknown;
}

export function gather(): Gathered & { done(format: string): Lockfile } {
  const locked = new Map<string, Locked>();
  const skipped: Skipped[] = [];
  const skip = (what: string, why: string): void => void skipped.push({ what, why });
  return {
    skip,
    add(where, { name, version, integrity, resolved, optional }) {
      const what = `${name}@${version}`;
      if (valid(version, { loose: true }) === null) return skip(what, "not a version");
      const elsewhere = typeof resolved === "string" && elsewhereOf(resolved, name);
      if (elsewhere) return skip(what, elsewhere);
      try {
        checkName(name);
      } catch (error) {
        throw invalid(`${where} names ${JSON.stringify(name.slice(0, 200))}, which is no package`, error); // prettier-ignore
      }
      const before = locked.get(what);
      const hash = strongest(what, [before?.integrity, integrity]);
      const needed = optional !== true || (before !== undefined && !before.optional);
      locked.set(what, {
        ...{ name, version },
        ...(hash !== undefined && { integrity: hash }),
        ...(!needed && { optional: true }),
      });
    },
    done: (format) => ({
      format,
      locked: [...locked.values()].toSorted((a, b) => compare(a.name, b.name) || compare(a.version, b.version)), // prettier-ignore
      skipped,
    }),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Why an address is not that of a package in a registry; undefined when it is. */
function elsewhereOf(resolved: string, name: string): string | undefined {
  if (!/^https?:/.test(resolved) || !URL.canParse(resolved)) return "not from a registry";
  const { pathname, hostname } = new URL(resolved);
  // `/name/-/name-1.0.0.tgz`, `/download/@scope/name/1.0.0/…`
  const path = pathname.replaceAll(/%2f/gi, "/").replaceAll(/%40/g, "@");
  return path.includes(`/${name}/`) ? undefined : `a file of ${hostname}`;
}

/** The version of a lockfile as text: `9.0` stays what it is. */
export function numberOf(version: unknown): string {
  if (typeof version === "number" || typeof version === "string") return String(version);
  throw invalid("the version of the lockfile is no number");
}

export const invalid = (message: string, cause?: unknown): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["make the lockfile anew with its package manager"],
    ...(cause !== undefined && { cause }),
  });
