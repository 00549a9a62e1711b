import type { GuardMode } from "../config/settings.ts";
import { CitadelError, errorCode } from "../errors.ts";
import type { Tarball } from "../registry/types.ts";
import { lazy } from "../lazy.ts";
import { clean } from "../terminal/text.ts";
import { createFinder, type Finder } from "../vault/mask/finder.ts";
import { filesIn, type Bounds } from "./archive.ts";
import { createPatterns } from "./patterns.ts";

export interface GuardOptions {
  /** what happens when a value of the vault is found, and when something looks like a secret */
  readonly values: GuardMode;
  readonly patterns: GuardMode;
  /** what recognises values of the vault. @throws E_VAULT_NOT_FOUND, E_VAULT_LOCKED where it cannot be opened here */
  readonly traces: () => Promise<Finder>;
  /** hears what is published all the same, and what could not be looked for */
  readonly warn: (line: string) => void;
  /** of what is compressed within the package @default {@link ordinary} */
  readonly bounds?: Bounds;
}

/** Looks into a package before it is published. @throws E_LEAK, which names files and secrets, never a value */
export type Guard = (what: string, content: Tarball["content"]) => Promise<void>;

/** most findings that are listed */
const mostListed = 20;

/** Refuses packages that hold values of the vault, in any usual form, or what looks like somebody's key. */
export function createGuard({ values, patterns, traces, warn, bounds }: GuardOptions): Guard {
  const rules = lazy(createPatterns);
  let warned = false;

  const finderOf = async (): Promise<Finder> => {
    try {
      return values === "off" ? createFinder([]) : await traces();
    } catch (error) {
      const code = errorCode(error);
      if (code !== "E_VAULT_LOCKED" && code !== "E_VAULT_NOT_FOUND") throw error;
      if (code === "E_VAULT_LOCKED" && !warned)
        warn(
          "the vault does not open here, so its values were not looked for (CITADEL_PASSPHRASE_FILE)",
        );
      warned ||= code === "E_VAULT_LOCKED";
      return createFinder([]);
    }
  };

  return async (what, content) => {
    if (values === "off" && patterns === "off") return;
    const finder = await finderOf();
    if (finder.size === 0 && patterns === "off") return;
    const look = patterns === "off" ? undefined : await rules();
    const found: Finding[] = [];
    for await (const { path, names, content: whole } of filesIn(content, finder, bounds)) {
      const at = clean(path.replace(/^package\//, ""));
      for (const name of names)
        found.push({ text: `${at} holds the value of ${clean(name)}`, maybe: false, mode: values });
      if (!look || !whole || whole.length === 0) continue;
      for (const { what: kind, rule, line } of await look(path, whole))
        found.push({
          text: `${at}:${line} looks like a secret: ${kind} (${rule})`,
          maybe: true,
          mode: patterns,
        });
    }
    report(what, found, warn);
  };
}

interface Finding {
  readonly text: string;
  /** it only looks like a secret */
  readonly maybe: boolean;
  readonly mode: GuardMode;
}

function report(what: string, found: readonly Finding[], warn: GuardOptions["warn"]): void {
  const unique = [...new Map(found.map((one) => [one.text, one])).values()];
  const [refused, rest] = [
    unique.filter(({ mode }) => mode === "refuse"),
    unique.filter(({ mode }) => mode !== "refuse"),
  ];
  for (const { text } of rest.slice(0, mostListed)) warn(`${what}: ${text}`);
  if (refused.length === 0) return;
  const more = refused.length - mostListed;
  // package managers show no more than this of what a server says
  const told = refused[0]?.text ?? "";
  throw new CitadelError("E_LEAK", `${what} is not published: ${told}`, {
    hint: [
      ...refused.slice(0, mostListed).map(({ text }) => text),
      ...(more > 0 ? [`and ${more} more`] : []),
      "take them out, and change those that others may have seen",
      ...(refused.every(({ maybe }) => maybe)
        ? ["if none of them is one: --allow-patterns, or guard.patterns in the settings"]
        : []),
    ],
  });
}
