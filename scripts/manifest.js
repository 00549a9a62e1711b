// Writes each plugin's oclif.manifest.json, so that no command file is imported to list commands.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Plugin } from "@oclif/core/config";

const plugins = fileURLToPath(new URL("../plugins", import.meta.url));
for (const name of readdirSync(plugins)) {
  const root = join(plugins, name);
  const plugin = new Plugin({
    root,
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  writeFileSync(join(root, "oclif.manifest.json"), `${JSON.stringify(plugin.manifest)}\n`);
}
