import type { JsonObjectNode } from "@croct/json5-parser";
import {
  loadSettings,
  parseSettingsFile,
  settingKey,
  type Dirs,
  type SettingKey,
} from "@citadel/core/config";
import { CitadelError } from "@citadel/core/errors";

/** A value as it stands in a file: JSON. */
export type FileValues = ReadonlyMap<SettingKey | "store", unknown>;

/** A setting that an edit changed. */
export interface EditedSetting {
  readonly key: string;
  /** undefined: it was not there */
  readonly before: unknown;
  readonly after: unknown;
}

export interface Edited {
  readonly text: string;
  readonly changes: readonly EditedSetting[];
}

/**
 * The text of a settings file with other values; comments, order, quotes and blanks stay as they are. The result is read as the
 * settings are before it is returned.
 * @param path where it lies, for messages
 * @throws E_CONFIG for a file or a value that is not right
 */
export async function editSettings(
  text: string,
  path: string,
  values: FileValues,
  dirs: Dirs,
): Promise<Edited> {
  const before = new Map(parseSettingsFile(text, path).values.map(({ key, raw }) => [key, raw]));
  const { JsonObjectNode: ObjectNode, JsonParser } = await import("@croct/json5-parser");
  const root = JsonParser.parse(text, ObjectNode);
  const changes: EditedSetting[] = [];
  for (const [key, after] of values) {
    const old = before.get(key);
    if (JSON.stringify(old) === JSON.stringify(after)) continue;
    changes.push({ key, before: old, after });
    put(root, key, after, ObjectNode);
  }
  const edited = root.toString();
  checkSettings(edited, path, dirs);
  return { text: edited, changes };
}

/** @throws E_CONFIG, E_USAGE for what `citadel` could not start with */
export function checkSettings(text: string, path: string, dirs: Dirs): void {
  loadSettings({
    env: {},
    cwd: "/",
    // no other file has a say
    dirs: { ...dirs, config: "/dev/null" },
    given: parseSettingsFile(text, path),
  });
}

/** Where the setting stands already, below its group, else in a new group. */
function put(
  root: JsonObjectNode,
  key: string,
  value: unknown,
  ObjectNode: typeof JsonObjectNode,
): void {
  const [group = "", name] = key.split(".");
  const stores = key === "store" && root.has(key) ? root.get(key) : undefined;
  if (stores instanceof ObjectNode)
    for (const one of ["documents", "blobs"]) stores.set(one, value as string);
  else if (name === undefined || root.has(key)) root.set(key, value as string);
  else if (!root.has(group)) root.set(group, { [name]: value as string });
  else {
    const place = root.get(group);
    if (place instanceof ObjectNode) place.set(name, value as string);
    // `store` is one URL for both stores, over which a setting of its own stands
    else root.set(key, value as string);
  }
}

/** `server.port=5000`; the value is JSON, or text. @throws E_USAGE */
export function assignmentOf(text: string): readonly [SettingKey | "store", unknown] {
  const mark = text.indexOf("=");
  if (mark < 1)
    throw new CitadelError("E_USAGE", `${JSON.stringify(text)} is not setting=value`, {
      hint: ["write it as server.port=5000"],
    });
  const name = text.slice(0, mark);
  const key = name === "store" ? name : settingKey(name);
  const value = text.slice(mark + 1);
  try {
    return [key, JSON.parse(value) as unknown];
  } catch {
    return [key, value];
  }
}
