import npa, { type Result } from "npm-package-arg";
import { CitadelError } from "@citadel/core";
import { checkName } from "@citadel/core/registry";

/** What somebody wants to run. */
export interface Spec {
  readonly from: "registry" | "git" | "remote";
  /** as npm writes it, with what stands after `@` */
  readonly text: string;
  /** package; of a git repository or an address it is known only when that was read */
  readonly name?: string;
  /** version, range or tag; empty: `latest`, as it was when somebody asked last */
  readonly wanted: string;
  readonly exact: boolean;
}

/** Sources that are no registry, as npm's settings name them. */
export interface Allowed {
  readonly git?: boolean;
  readonly remote?: boolean;
}

/**
 * Reads `name`, `name@range`, or what npm takes besides.
 * @throws E_INVALID_NAME; E_SPEC_REFUSED for a git repository or address that is not allowed, and for folders and aliases
 */
export function readSpec(text: string, { git = false, remote = false }: Allowed = {}): Spec {
  const shown = JSON.stringify(text.slice(0, 120));
  let parsed: Result;
  try {
    parsed = npa(text);
  } catch (error) {
    throw new CitadelError("E_INVALID_NAME", `${shown} is no package`, {
      cause: error,
      hint: ["name a package, and a version, range or tag after @: prettier@3"],
    });
  }
  const { type, name, rawSpec } = parsed;
  switch (type) {
    case "version":
    case "range":
    case "tag":
      return {
        ...{ from: "registry", text: parsed.raw, name: checkName(name ?? "") },
        wanted: rawSpec === "*" ? "" : rawSpec,
        exact: type === "version",
      };
    case "git":
      if (!git) throw refused(`${shown} is a git repository, not a package of a registry`);
      return { from: "git", text, wanted: "", exact: false };
    case "remote":
      if (!remote) throw refused(`${shown} is an address, not a package of a registry`);
      return { from: "remote", text, wanted: "", exact: false };
    case "file":
    case "directory":
      throw refused(`${shown} lies on this machine: run it with node or bun`);
    case "alias":
      throw refused(`${shown} is another name for a package: give its own`);
  }
}

/** Packages whose install scripts may run, with their versions. @throws E_USAGE for one without */
export function checkPinned(packages: readonly string[]): readonly string[] {
  for (const one of packages) {
    const { exact, name, wanted } = readSpec(one);
    if (!exact || one !== `${name}@${wanted}`)
      throw new CitadelError(
        "E_USAGE",
        `--allow-scripts takes a name with a version, not ${JSON.stringify(one.slice(0, 120))}`,
        { hint: ["name the version that was looked at: esbuild@0.25.0"] },
      );
  }
  return packages;
}

const refused = (message: string): CitadelError => new CitadelError("E_SPEC_REFUSED", message);
