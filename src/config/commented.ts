import type { Dirs } from "./settings.ts";
import { settingKeys, table as settingsTable, variablesOf, type SettingKey } from "./table.ts";

const width = 98;

/** `citadel.json5` that changes nothing: every setting commented out, with its default, what it is and what is allowed. */
export function commentedSettings(dirs: Dirs): string {
  const groups = Map.groupBy(settingKeys, (key) => key.split(".")[0] ?? "");
  const parts = Array.from(groups, ([group, keys]) => {
    const lines = keys.flatMap((key, at) => [
      ...(at > 0 ? [""] : []),
      ...settingLines(key, dirs).map((line) => `    ${line}`),
    ]);
    return `  ${group}: {\n${lines.join("\n")}\n  },`;
  });
  const head = [
    "// Settings of Citadel. What is commented out (//name: value) is the default; take the // away to change it.",
    "// A flag and a variable win over this file: docs/configuration.md.",
  ];
  const plugins = "  // settings of plugins: plugins: { <plugin>: { <name>: <value> } }";
  return `${head.join("\n")}\n{\n${[...parts, plugins].join("\n")}\n}\n`;
}

function settingLines(key: SettingKey, dirs: Dirs): string[] {
  const { description, type } = settingsTable[key];
  const about = [description, `${type.allowed}; ${variablesOf(key).join(", ")}`];
  return [...about.flatMap((text) => wrapped(text)), `//${key.split(".")[1]}: ${literal(key, dirs)},`]; // prettier-ignore
}

/** A value as it can stand in the file: the default, else the example of what is allowed. */
function literal(key: SettingKey, dirs: Dirs): string {
  const { default: preset, type } = settingsTable[key];
  const value: unknown = typeof preset === "function" ? preset(dirs) : preset;
  if (value === undefined) {
    const [, example = "...", least] = /such as (\S+)|from (\d+)/.exec(type.allowed) ?? [];
    return least ?? JSON.stringify(example);
  }
  const format = type.format as ((value: unknown) => string) | undefined;
  const text = typeof value === "number" ? format?.(value) : undefined;
  const exact = text !== undefined && !/^\d+$/.test(text) && type.parse(text, "/") === value;
  return JSON.stringify(exact ? text : value);
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width)
      lines.push(`${lines.pop()} ${word}`); // prettier-ignore
    else lines.push(`// ${word}`);
  }
  return lines;
}
