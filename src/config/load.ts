import { dirname } from "node:path";
import { CitadelError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { derive } from "./derived.ts";
import type { Environment } from "./environment.ts";
import { findProjectFile, readSettingsFile, userFile, type SettingsFile } from "./files.ts";
import { mask } from "./mask.ts";
import type { Dirs, Settings } from "./settings.ts";
import { settingKeys, table, variablesOf, type Setting, type SettingKey } from "./table.ts";
import type { ValueType } from "./values.ts";

/** Where a value came from. */
export interface Origin {
  readonly from:
    | "flag"
    | "environment"
    | "file of --config"
    | "project file"
    | "user file"
    | "default";
  /** flag, variable, or path of the file */
  readonly name?: string;
  readonly line?: number;
}

export interface LoadOptions {
  readonly env: Environment;
  readonly cwd: string;
  readonly dirs: Dirs;
  /** values of flags by setting (`server.port`, or `store` for both stores); undefined ones are not given */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** settings of a file that the command line names; they stand above those of other files */
  readonly given?: SettingsFile | undefined;
}

export interface Loaded {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingKey, Origin>>;
  /** what files say for plugins, strongest first, see {@link pluginSettings} */
  readonly foreign: readonly Said[];
  /** files that were read, strongest first */
  readonly files: readonly string[];
  /** unknown keys and files passed over; one sentence each */
  readonly warnings: readonly string[];
}

/** One source's word on something. */
export interface Said {
  readonly key: string;
  readonly raw: unknown;
  readonly origin: Origin;
  /** folder that relative paths start from */
  readonly base: string;
}

/** One source's word on a setting. */
interface Candidate extends Said {
  readonly key: SettingKey;
  /** lower wins; equal ones must agree */
  readonly rank: number;
}

const ranks = {
  flag: 0,
  citadel: 1,
  registry: 2,
  other: 3,
  given: 4,
  project: 5,
  user: 6,
} as const;
/** `store` speaks for both stores, but weaker than the same source's word on one of them. */
const shorthand = 0.5;

/**
 * All settings and where each came from: flag over `CITADEL_*` over `REGISTRY_*` over other variables over a
 * file that the command line names over the project's
 * `citadel.json5` (in `cwd` or above) over the user's over the default.
 * @throws E_CONFIG for a value that is not allowed, and for two variables of one rank that disagree
 */
export function loadSettings({ env, cwd, dirs, flags = {}, given }: LoadOptions): Loaded {
  const project = findProjectFile(cwd);
  const user = readSettingsFile(userFile(dirs.config));
  const nearer = project.path === user?.path ? undefined : project.path;
  const ofProject = nearer === undefined ? undefined : readSettingsFile(nearer);

  const candidates = [
    ...fromFlags(flags, cwd),
    ...fromEnvironment(env, cwd),
    ...fromFile(given, "file of --config", ranks.given),
    ...fromFile(ofProject, "project file", ranks.project),
    ...fromFile(user, "user file", ranks.user),
  ];
  const values = new Map<SettingKey, unknown>();
  const origins: Partial<Record<SettingKey, Origin>> = {};
  const settle = (key: SettingKey, extra: readonly Candidate[] = []): void => {
    const { value, origin } = choose(key, [...candidates, ...extra], dirs);
    values.set(key, value);
    origins[key] = origin;
  };
  for (const key of settingKeys) if (key !== "cache.tiers") settle(key);
  settle("cache.tiers", redisTier(values, origins, candidates, dirs));

  const files = [given, ofProject, user].filter((file) => file !== undefined);
  return {
    settings: nest(values),
    origins: origins as Record<SettingKey, Origin>,
    foreign: [
      ...foreignOf(given, "file of --config"),
      ...foreignOf(ofProject, "project file"),
      ...foreignOf(user, "user file"),
    ],
    files: files.map((file) => file.path),
    warnings: [...project.warnings, ...files.flatMap((file) => file.warnings)],
  };
}

/** The setting's value for people, secrets masked. */
export function formatSetting(key: SettingKey, settings: Settings): string {
  const value = settingOf(key, settings);
  if (value === undefined) return "";
  const { format } = (table[key] as Setting<unknown>).type;
  return mask(format ? format(value) : String(value as string));
}

/** The value of a setting by its full name. */
export function settingOf(key: SettingKey, settings: Settings): unknown {
  const [group = "", name = ""] = key.split(".");
  return (settings as unknown as Record<string, Record<string, unknown>>)[group]?.[name];
}

/** `REGISTRY_PORT`, `--port`, `/home/ada/citadel.json5:3 (project file)`. */
export function formatOrigin({ from, name, line }: Origin): string {
  if (name === undefined) return from;
  if (from === "flag" || from === "environment") return name;
  return `${name}${line === undefined ? "" : `:${line}`} (${from})`;
}

/** @throws E_USAGE with the nearest settings */
export function settingKey(text: string): SettingKey {
  const found = settingKeys.find((key) => key === text);
  if (found) return found;
  const guesses = nearest(text, settingKeys);
  throw new CitadelError("E_USAGE", `there is no setting ${text}`, {
    hint:
      guesses.length > 0
        ? guesses.map((guess) => `did you mean ${guess}?`)
        : ["list them: citadel config"],
  });
}

function* fromFlags(flags: Readonly<Record<string, unknown>>, base: string): Generator<Candidate> {
  for (const [key, raw] of Object.entries(flags)) {
    if (raw === undefined) continue;
    const last = key.split(".").at(-1) ?? key;
    const name = `--${last.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    yield* spread(key, raw, ranks.flag, { from: "flag", name }, base);
  }
}

function* fromEnvironment(env: Environment, base: string): Generator<Candidate> {
  const rankOf = (name: string): number =>
    name.startsWith("CITADEL_")
      ? ranks.citadel
      : name.startsWith("REGISTRY_")
        ? ranks.registry
        : ranks.other;
  const pairs = [
    ...settingKeys.flatMap((key) => variablesOf(key).map((variable) => ({ key, variable }))),
    { key: "store", variable: "CITADEL_STORE" },
  ].map((pair) => ({ ...pair, raw: env[pair.variable] as unknown }));
  for (const { key, raw, variable } of [...pairs, ...derive(env)])
    if (raw)
      yield* spread(key, raw, rankOf(variable), { from: "environment", name: variable }, base);
}

const foreignOf = (file: SettingsFile | undefined, from: Origin["from"]): Said[] =>
  (file?.foreign ?? []).map(({ key, raw, line }) => {
    const name = file?.path ?? "";
    const origin = { from, name, ...(line === undefined ? {} : { line }) };
    return { key, raw, origin, base: dirname(name) };
  });

function* fromFile(
  file: SettingsFile | undefined,
  from: Origin["from"],
  rank: number,
): Generator<Candidate> {
  for (const { key, raw, line } of file?.values ?? []) {
    const origin = { from, name: file?.path ?? "", ...(line === undefined ? {} : { line }) };
    yield* spread(key, raw, rank, origin, dirname(origin.name));
  }
}

function* spread(
  key: string,
  raw: unknown,
  rank: number,
  origin: Origin,
  base: string,
): Generator<Candidate> {
  if (key !== "store") yield { key: settingKey(key), raw, rank, origin, base };
  else
    for (const one of ["store.documents", "store.blobs"] as const)
      yield { key: one, raw, rank: rank + shorthand, origin, base };
}

function choose(
  key: SettingKey,
  candidates: readonly Candidate[],
  dirs: Dirs,
): { value: unknown; origin: Origin } {
  const setting = table[key] as Setting<unknown>;
  const mine = candidates.filter((candidate) => candidate.key === key);
  const rank = Math.min(...mine.map((candidate) => candidate.rank));
  const [first, ...others] = mine
    .filter((candidate) => candidate.rank === rank)
    .map((candidate) => ({ ...candidate, value: parse(candidate, setting.type) }));
  if (!first) {
    const value: unknown =
      typeof setting.default === "function" ? setting.default(dirs) : setting.default;
    return { value, origin: { from: "default" } };
  }
  const other = others.find(({ value }) => JSON.stringify(value) !== JSON.stringify(first.value));
  if (other)
    throw new CitadelError(
      "E_CONFIG",
      `${first.origin.name} and ${other.origin.name} disagree about ${key}`,
      { hint: [`unset one of them, or set ${variablesOf(key)[0]}, which stands above others`] },
    );
  return { value: first.value, origin: first.origin };
}

/** @throws E_CONFIG */
export function parse<T>({ key, raw, origin, base }: Said, type: ValueType<T>): T {
  const value = type.parse(raw, base);
  if (value !== undefined) return value;
  const where = formatOrigin(origin);
  const shown = type.secret ? "not right" : mask(JSON.stringify(raw) ?? "nothing");
  throw new CitadelError("E_CONFIG", `${where}: ${key} is ${shown}, expected ${type.allowed}`, {
    hint: [`correct it in ${where}`],
  });
}

/** With a Redis, the default tiers have it between memory and disk; its origin is theirs. */
function redisTier(
  values: ReadonlyMap<SettingKey, unknown>,
  origins: Partial<Record<SettingKey, Origin>>,
  candidates: readonly Candidate[],
  dirs: Dirs,
): Candidate[] {
  const url = values.get("redis.url");
  const origin = origins["redis.url"];
  if (typeof url !== "string" || !origin) return [];
  if (candidates.some((candidate) => candidate.key === "cache.tiers")) return [];
  const tiers = (table["cache.tiers"].default as (dirs: Dirs) => readonly string[])(dirs);
  const raw = [...tiers.slice(0, 1), url, ...tiers.slice(1)];
  return [{ key: "cache.tiers", raw, rank: ranks.other, origin, base: "/" }];
}

function nest(values: ReadonlyMap<SettingKey, unknown>): Settings {
  const nested: Record<string, Record<string, unknown>> = {};
  for (const [key, value] of values) {
    const [group = "", name = ""] = key.split(".");
    (nested[group] ??= {})[name] = value;
  }
  return nested as unknown as Settings;
}
