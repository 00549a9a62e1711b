import { join } from "node:path";
import { findDirs, loadSettings, type Citadel } from "@citadel/core";
import { openCitadel } from "@citadel/core/open";
import { root } from "./citadel.ts";

/** The core over the store that `citadel` commands with this home use. */
export async function openCore(home: string, more: NodeJS.ProcessEnv = {}): Promise<Citadel> {
  const env = { CITADEL_HOME: home, ...more };
  const dirs = findDirs(env);
  const { settings } = loadSettings({ env, cwd: home, dirs, flags: {} });
  const schemes = new Map(
    ["sqlite", "file"].map((name) => [name, join(root, `drivers/${name}/dist/index.js`)]),
  );
  return openCitadel({ settings, schemes, dirs });
}
