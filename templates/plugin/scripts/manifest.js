// Writes oclif.manifest.json, so that Citadel knows the commands without importing them.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Plugin } from "@oclif/core/config";

const root = fileURLToPath(new URL("..", import.meta.url));
const plugin = new Plugin({
  root,
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
});
await plugin.load();
writeFileSync(
  new URL("../oclif.manifest.json", import.meta.url),
  `${JSON.stringify(plugin.manifest)}\n`,
);
