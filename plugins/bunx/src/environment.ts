import { delimiter } from "node:path";
import type { Environment } from "@citadel/core";

/** What a program needs to know of the machine, its user and the terminal. Everything else may be a secret. */
const names = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TMP", "TEMP"],
  ...["LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM", "TERM_PROGRAM", "COLUMNS", "LINES"],
  ...["NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "NODE_ENV"],
  ...["EDITOR", "VISUAL", "PAGER", "DISPLAY", "WAYLAND_DISPLAY"],
  ...["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "NO_PROXY"],
  ...["SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME"],
  ...["APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "HOMEDRIVE", "HOMEPATH"],
]);
/** addresses that may hold a password */
const proxies = new Set(["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]);

export interface ScrubOptions {
  /** further variables to let through */
  readonly more?: readonly string[];
  /** folder with programs, after all that PATH has: none of them takes the place of one of the system */
  readonly programs?: string;
}

/** The environment of a program that is not trusted: an allow list, and never what is Citadel's. */
export function scrubbed(
  env: Environment,
  { more = [], programs }: ScrubOptions = {},
): NodeJS.ProcessEnv {
  const wanted = new Set(more);
  const kept: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(env)) {
    const upper = name.toUpperCase();
    if (value === undefined || upper.startsWith("CITADEL_")) continue;
    const usual = names.has(upper) || upper.startsWith("LC_");
    const proxy = proxies.has(upper) && !value.includes("@");
    if (usual || proxy || wanted.has(name)) kept[name] = value;
  }
  if (programs !== undefined)
    kept["PATH"] = [kept["PATH"], programs].filter(Boolean).join(delimiter);
  return kept;
}
