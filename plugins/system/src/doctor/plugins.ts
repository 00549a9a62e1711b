import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { findDrivers } from "@citadel/core";
import { good, note, warning, type Check } from "./finding.ts";

const check = "plugins";

interface Manifest {
  readonly version?: string;
  readonly oclif?: { readonly plugins?: readonly (string | UserPlugin)[] };
}
interface UserPlugin {
  readonly name: string;
  readonly type: string;
  readonly root?: string;
}

/** Whether plugins fit this version and each other. */
export const checkPlugins: Check = async function* ({ config, dirs }) {
  const plugins = config.getPluginsList();
  const problems = [];
  for (const { name, root, version, type } of plugins) {
    const linked = type === "link" || type === "user";
    if (name.startsWith("@citadel/") && !linked && version !== config.version)
      problems.push(warning(check, `${name} is of version ${version}, citadel of ${config.version}`, "all packages of Citadel belong together", ["install Citadel again: npm ci"])); // prettier-ignore
    if (!linked) continue;
    const core = await manifestOf(join(root, "node_modules/@citadel/core"));
    if (core?.version !== undefined && core.version !== config.version)
      problems.push(warning(check, `${name} has @citadel/core ${core.version} of its own, citadel is ${config.version}`, "it may not know the stores and settings of this version", [`ask its author for a version that depends on @citadel/core ${config.version}`])); // prettier-ignore
    const manifest = await manifestOf(root, "oclif.manifest.json");
    if (manifest && manifest.version !== version)
      problems.push(warning(check, `${name}: its oclif.manifest.json is of version ${manifest.version}, its package of ${version}`, "commands that are new in it are hidden", [`build it again: npm run build in ${root}`])); // prettier-ignore
    else if (!manifest && config.commands.some(({ pluginName }) => pluginName === name))
      problems.push(note(check, `${name} has no oclif.manifest.json`, "it is read anew for every command, which makes each one slower")); // prettier-ignore
  }
  for (const { scheme, package: name } of findDrivers(config).filter(({ used }) => !used))
    problems.push(warning(check, `the driver of ${name} for ${scheme}: is not used`, "another package has the scheme already", [`take one of them out: citadel plugins uninstall ${name}`])); // prettier-ignore
  const own = await manifestOf(dirs.data);
  for (const plugin of own?.oclif?.plugins ?? [])
    if (typeof plugin === "object" && plugin.root !== undefined && !(await there(plugin.root)))
      problems.push(warning(check, `the folder of the linked plugin ${plugin.name} is gone: ${plugin.root}`, "its commands and drivers are missing", [`citadel plugins uninstall ${plugin.name}, or link it again`])); // prettier-ignore
  yield* problems;
  if (problems.length === 0) yield good(check, `${plugins.length} of version ${config.version}`);
};

async function manifestOf(folder: string, file = "package.json"): Promise<Manifest | undefined> {
  return readFile(join(folder, file), "utf8").then((text) => JSON.parse(text) as Manifest, () => undefined); // prettier-ignore
}

const there = (path: string): Promise<boolean> => stat(path).then(() => true, () => false); // prettier-ignore
