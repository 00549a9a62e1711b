import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { CitadelError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { settingKeys } from "./table.ts";

export const fileName = "citadel.json5";
/** `store` is one URL for documents and blobs; as an object it is the group of its settings. */
const known: ReadonlySet<string> = new Set([...settingKeys, "store"]);

/** A value as it stands in a file. */
export interface FileValue {
  readonly key: string;
  readonly raw: unknown;
  readonly line: number | undefined;
}

export interface SettingsFile {
  readonly path: string;
  readonly values: readonly FileValue[];
  /** settings of plugins: `plugins.<plugin>.<name>` */
  readonly foreign: readonly FileValue[];
  readonly warnings: readonly string[];
}

/** Reads one file; undefined when there is none. @throws E_CONFIG that names file and line */
export function readSettingsFile(path: string): SettingsFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (/^(ENOENT|ENOTDIR|EACCES)$/.test(String((error as NodeJS.ErrnoException).code)))
      return undefined;
    throw new CitadelError("E_CONFIG", `${path} cannot be read`, { cause: error });
  }
  return parseSettingsFile(text, path);
}

/** The same of its text. @param path where it lies, for messages */
export function parseSettingsFile(text: string, path: string): SettingsFile {
  const values: FileValue[] = [];
  const foreign: FileValue[] = [];
  const warnings: string[] = [];
  const take = (value: unknown, key: string): void => {
    const line = lineOf(text, key);
    const ours = [...known].some((one) => one.startsWith(`${key}.`));
    const group = isObject(value) && (ours || /^plugins(\.[^.]+)?$/.test(key));
    if (key === "" || group)
      for (const [name, inner] of Object.entries(value as object))
        take(inner, key ? `${key}.${name}` : name);
    else if (known.has(key)) values.push({ key, raw: value, line });
    else if (/^plugins\.[^.]+\.[^.]+$/.test(key)) foreign.push({ key, raw: value, line });
    else warnings.push(unknownKey(path, key, line));
  };
  take(parse(text, path), "");
  return { path, values, foreign, warnings };
}

/** The nearest `citadel.json5` in `cwd` or above it. */
export function findProjectFile(cwd: string): { path?: string; warnings: readonly string[] } {
  for (let folder = cwd; ; folder = dirname(folder)) {
    const path = join(folder, fileName);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile()) {
      // anybody can leave a file in a folder such as /tmp, for everybody who works below it
      const shared = process.getuid && (statSync(folder).mode & 0o002) !== 0;
      if (!shared || stat.uid === process.getuid?.() || stat.uid === 0)
        return { path, warnings: [] };
      return {
        warnings: [
          `${path} is not used: it belongs to somebody else, in a folder open to everybody`,
        ],
      };
    }
    if (dirname(folder) === folder) return { warnings: [] };
  }
}

export const userFile = (configDir: string): string => join(configDir, fileName);

function parse(text: string, path: string): object {
  // JSON5's parser is CommonJS and wanted only where a file exists
  const require = createRequire(import.meta.url);
  const json5 = require("json5") as { parse(text: string): unknown };
  let value: unknown;
  try {
    value = json5.parse(text);
  } catch (error) {
    const line = (error as { lineNumber?: number }).lineNumber ?? 1;
    const reason = (error as Error).message.replace(/^JSON5: /, "").replace(/ at \d+:\d+$/, "");
    throw new CitadelError("E_CONFIG", `${path}:${line}: ${reason}`, {
      hint: [`correct line ${line}; the format is JSON5`],
    });
  }
  if (!isObject(value))
    throw new CitadelError("E_CONFIG", `${path} holds no object`, {
      hint: ["write settings as { server: { port: 4873 } }"],
    });
  return value;
}

function unknownKey(path: string, key: string, line: number | undefined): string {
  const [guess] = nearest(key, known);
  const where = line === undefined ? path : `${path}:${line}`;
  return `${where}: unknown setting ${key}${guess ? `; did you mean ${guess}?` : ""}`;
}

/** JSON5 keeps no positions: the line of the key's last part, when only one line has it. */
function lineOf(text: string, key: string): number | undefined {
  const name = key.split(".").at(-1) ?? key;
  const lines = text.split("\n").flatMap((line, index) => {
    const words = line.replace(/\/\/.*$/, "").matchAll(/(?:^|[{,\s])["']?([\w.$]+)["']?\s*:/g);
    return words.some(([, word]) => word === name || word === key) ? [index + 1] : [];
  });
  return lines.length === 1 ? lines[0] : undefined;
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
