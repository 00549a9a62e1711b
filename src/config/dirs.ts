import { homedir, tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import type { Environment } from "./environment.ts";
import type { Dirs } from "./settings.ts";

/**
 * Where Citadel keeps things: `CITADEL_DATA_DIR` and its kin, else folders below `CITADEL_HOME`, else XDG's
 * (`~/.local/share/citadel`, …). Without any home, folders of this user below the temporary one. Creates nothing.
 */
export function findDirs(env: Environment): Dirs {
  const own = env["CITADEL_HOME"];
  const folder = (kind: keyof Dirs, below: string): string => {
    const upper = kind.toUpperCase();
    const set = env[`CITADEL_${upper}_DIR`] || (own && join(own, kind));
    if (set) return resolve(set);
    const windows = process.platform === "win32" && env["LOCALAPPDATA"];
    const base = env[`XDG_${upper}_HOME`] || windows;
    if (base) return resolve(base, "citadel");
    if (process.platform === "darwin" && kind === "cache")
      return join(home(env), "Library", "Caches", "citadel");
    return join(home(env), below, "citadel");
  };
  return {
    data: folder("data", ".local/share"),
    cache: folder("cache", ".cache"),
    config: folder("config", ".config"),
  };
}

function home(env: Environment): string {
  if (env["HOME"]) return env["HOME"];
  try {
    const found = homedir();
    if (found && found !== "/") return found;
  } catch {
    // no entry for this user: a container with an arbitrary user id
  }
  return join(tmpdir(), `citadel-${userId()}`);
}

function userId(): string {
  try {
    return String(userInfo().uid);
  } catch {
    return String(process.getuid?.() ?? "user");
  }
}
