import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface ManifestFlag {
  readonly name: string;
  readonly char?: string;
  readonly type: "boolean" | "option";
  readonly description?: string;
  readonly summary?: string;
  readonly hidden?: boolean;
  readonly multiple?: boolean;
  readonly options?: readonly string[];
  readonly helpValue?: string;
}
export interface ManifestArg {
  readonly name: string;
  readonly description?: string;
  readonly options?: readonly string[];
}
export interface ManifestCommand {
  readonly id: string;
  readonly aliases?: readonly string[];
  readonly hidden?: boolean;
  readonly summary?: string;
  readonly description?: string;
  readonly flags?: Readonly<Record<string, ManifestFlag>>;
  readonly args?: Readonly<Record<string, ManifestArg>>;
}

interface Package {
  readonly oclif?: {
    readonly plugins?: readonly (string | { name: string; type: string; root?: string })[];
    readonly topics?: Readonly<Record<string, { readonly description?: string }>>;
  };
}

/** What completion knows of the command line. */
export interface Surface {
  /** by id and alias; the first plugin to name one keeps it */
  readonly commands: ReadonlyMap<string, ManifestCommand>;
  /** description by name */
  readonly topics: ReadonlyMap<string, string>;
}

/**
 * Commands and topics of all plugins, from the manifests that their builds wrote. Imports nothing and never throws.
 * @param root folder of Citadel's package @param data folder of installed plugins
 */
export function readSurface(root: string, data: string): Surface {
  const own = read<Package>(join(root, "package.json"))?.oclif ?? {};
  const others = read<Package>(join(data, "package.json"))?.oclif ?? {};
  const folders = [
    ...(own.plugins ?? []).map((name) => (typeof name === "string" ? moduleOf(root, name) : undefined)), // prettier-ignore
    ...(others.plugins ?? []).map(
      (plugin) =>
      typeof plugin === "string" ? undefined : (plugin.root ?? join(data, "node_modules", plugin.name)), // prettier-ignore
    ),
  ];
  const commands = new Map<string, ManifestCommand>();
  const topics = new Map<string, string>();
  for (const [name, { description = "" }] of Object.entries(own.topics ?? {}))
    topics.set(name, description);
  for (const folder of folders) {
    if (folder === undefined) continue;
    const manifest = read<{ commands?: Record<string, ManifestCommand> }>(join(folder, "oclif.manifest.json")); // prettier-ignore
    for (const command of Object.values(manifest?.commands ?? {})) {
      if (command.hidden) continue;
      for (const id of [command.id, ...(command.aliases ?? [])]) {
        if (!commands.has(id)) commands.set(id, command);
        const words = id.split(":");
        for (let n = 1; n < words.length; n++) {
          const topic = words.slice(0, n).join(":");
          if (!topics.has(topic)) topics.set(topic, "");
        }
      }
    }
  }
  return { commands, topics };
}

/** The folder of a package that `root` depends on. */
function moduleOf(root: string, name: string): string | undefined {
  for (let at = root; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(folder)) return folder;
    if (dirname(at) === at) return undefined;
  }
}

function read<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch {
    return undefined;
  }
}
