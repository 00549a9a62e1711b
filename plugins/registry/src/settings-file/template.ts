import { settingKeys, settingsTable, variablesOf, type Dirs } from "@citadel/core/config";

/** A settings file that changes nothing: every setting with its default, what it is and what is allowed, in comments. */
export function commentedSettings(dirs: Dirs): string {
  const groups = new Map<string, string[]>();
  for (const key of settingKeys) {
    const [group = "", name = ""] = key.split(".");
    const { description, type, default: usual, variables: _ } = settingsTable[key];
    const value: unknown = typeof usual === "function" ? usual(dirs) : usual;
    const lines = groups.get(group) ?? [];
    groups.set(group, lines);
    lines.push(
      `    // ${description}`,
      `    // ${type.allowed}; also ${variablesOf(key).join(", ")}`,
      `    // ${name}: ${shown(value, type.format)},`,
      "",
    );
  }
  const body = Array.from(groups, ([group, lines]) =>
    [`  ${group}: {`, ...lines.slice(0, -1), "  },"].join("\n"),
  );
  return [
    "// Settings of Citadel. Flags and variables of the environment stand above them; citadel config shows what counts.",
    "// Nothing is set here: take away the // before what shall be another.",
    "{",
    body.join("\n\n"),
    "}",
    "",
  ].join("\n");
}

/** As it could stand in the file: sizes and durations with their units. */
function shown(value: unknown, format: ((value: never) => string) | undefined): string {
  if (value === undefined) return '"..."';
  if (typeof value === "number" && format) {
    const text = format(value as never);
    return /^\d+$/.test(text) ? text : JSON.stringify(text);
  }
  return JSON.stringify(value);
}
