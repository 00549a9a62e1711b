import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import {
  combinedVariables,
  findProjectFile,
  mask,
  settingKeys,
  settingOf,
  settingsTable,
  userFile,
  variablesOf,
  type Loaded,
} from "@citadel/core/config";
import { nearest } from "@citadel/core/nearest";
import { failure, good, warning, type Check } from "./finding.ts";
import { narrow } from "./modes.ts";

const check = "settings";
/** Variables of Citadel that are no settings. */
const others = new Set(
  ["HOME", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR", "SERVER_KEY", "TOKEN", "STORE", "CRASH_AT", "IMPORT_TOKEN", "PASSPHRASE_FILE", "IDENTITY", "IDENTITY_FILE", "CONFIG_HEX", "NPM_REGISTRY"].map((name) => `CITADEL_${name}`), // prettier-ignore
);

/** @param broken why they cannot be loaded */
export const checkSettings = (broken: unknown): Check =>
  async function* ({ env, cwd, dirs, loaded }) {
    if (broken) yield failure(check, broken);
    const known = [...settingKeys.flatMap(variablesOf), ...combinedVariables];
    for (const name of Object.keys(env).filter((one) => /^(CITADEL|REGISTRY)_/.test(one))) {
      if (known.includes(name) || others.has(name)) continue;
      const [guess] = nearest(name, known);
      if (guess === undefined) continue;
      yield warning(check, `the variable ${name} sets nothing`, `${guess} does, and has a similar name`, [`set ${guess} instead, or unset ${name}`]); // prettier-ignore
    }
    for (const path of [findProjectFile(cwd).path, userFile(dirs.config)])
      if (path !== undefined && (await closed(path)))
        yield warning(check, `${path} is passed over: it cannot be read`, "its settings do not count", [`give this user the right to read it: chmod u+r ${path}`]); // prettier-ignore
    if (!loaded) return;
    for (const text of loaded.warnings)
      yield warning(check, text, "what stands there does not count", [
        "correct the name, or take it out",
      ]);
    yield* checkFiles(loaded);
    const { origins, files } = loaded;
    const set = settingKeys.filter((key) => origins[key].from !== "default").length;
    yield good(check, `${set} of ${settingKeys.length} are set, ${files.length} files`);
  };

async function closed(path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  if (!there) return false;
  return access(path, constants.R_OK).then(() => false, () => true); // prettier-ignore
}

async function* checkFiles(loaded: Loaded): ReturnType<Check> {
  if (process.platform === "win32") return;
  for (const path of loaded.files) {
    const { mode } = await stat(path);
    if (mode & 0o022)
      yield warning(check, `${path} can be changed by others`, "who changes it decides where packages go and come from", [`chmod go-w ${path}`], narrow(path, 0o022)); // prettier-ignore
    else if (mode & 0o044 && holdsSecret(path, loaded))
      yield warning(check, `${path} holds a secret and can be read by others`, "whoever has an account on this machine can use it", [`chmod 600 ${path}`], narrow(path, 0o077)); // prettier-ignore
  }
}

/** Whether a value of the file has something that {@link mask} hides, or a credential of its own. */
function holdsSecret(path: string, { settings, origins }: Loaded): boolean {
  return settingKeys.some((key) => {
    if (origins[key].name !== path) return false;
    const text = JSON.stringify(settingOf(key, settings)) ?? "";
    return (
      mask(text) !== text ||
      (settingsTable[key].type.secret && /"(?:authorization|secret)":"(?!citadel:)/.test(text))
    );
  });
}
