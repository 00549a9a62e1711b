import {
  byteFields,
  features,
  headerLength,
  hex,
  terminalModes,
  type Feature,
} from "@citadel/core/fields";

/** What each of the thirteen bytes is. */
export interface ByteInfo {
  readonly offset: number;
  /** `rows`, `flags 0–7` */
  readonly name: string;
  /** why it is not changed as a number */
  readonly fixed?: string;
  readonly least: number;
  readonly most: number;
}

const fieldOf = new Map(
  Object.entries(byteFields).map(([name, field]) => [field.offset as number, { name, ...field }]),
);

export const bytes: readonly ByteInfo[] = Array.from({ length: headerLength }, (_, offset) => {
  const any = { offset, least: 0, most: 255 };
  const field = fieldOf.get(offset);
  if (field) return { ...any, ...field, name: field.name.replace(/Mode$/, "") };
  if (offset < 5)
    return { ...any, name: `hash ${offset}`, fixed: "it follows from the address of the registry" };
  if (offset < 9) return { ...any, name: `flags ${8 * (8 - offset)}–${8 * (8 - offset) + 7}` };
  return { ...any, name: "reserved", fixed: "it is reserved" };
});

/** `24, hex 18` */
export const both = (value: number): string => `${value}, hex ${two(value)}`;
export const two = (value: number): string => value.toString(16).padStart(2, "0");
export const addressOf = (offset: number): string =>
  hex(offset).replace(/[a-f]/g, (c) => c.toUpperCase());

export const valuesOf = (text: string): readonly number[] =>
  bytes.map(({ offset }) => Number.parseInt(text.slice(2 * offset, 2 * offset + 2), 16));

export interface Decoded {
  readonly version: number;
  readonly registryHash: string;
  readonly features: readonly { readonly name: Feature; readonly on: boolean }[];
  readonly terminalMode: string;
  readonly rows: number;
  readonly cols: number;
}

export function decode(text: string): Decoded {
  const values = valuesOf(text);
  const flags = values[8] ?? 0;
  return {
    version: values[0] ?? 0,
    registryHash: text.slice(2, 10),
    features: features.map((name, bit) => ({ name, on: ((flags >> bit) & 1) === 1 })),
    terminalMode: terminalModes[values[9] ?? 0] ?? "invalid",
    rows: values[10] ?? 0,
    cols: values[11] ?? 0,
  };
}

/** The same configuration in the words of other places. */
export const forms: readonly {
  readonly name: string;
  readonly write: (text: string) => string;
}[] = [
  { name: "hex", write: (text) => text },
  {
    name: "environment",
    write: (text) =>
      [
        `CITADEL_CONFIG_HEX=${text}`,
        ...decode(text).features.map(({ name, on }) => `CITADEL_FEATURE_${name}=${on ? 1 : 0}`),
      ].join("\n"),
  },
  {
    name: "JSON",
    write: (text) => {
      const { features: all, ...rest } = decode(text);
      const named = Object.fromEntries(all.map(({ name, on }) => [name, on]));
      return JSON.stringify({ hex: text, ...rest, features: named }, undefined, 2);
    },
  },
  {
    name: "commands",
    write: (text) => {
      const { version, terminalMode, rows, cols, features: all } = decode(text);
      return [
        ...Object.entries({ version, terminalMode, rows, cols }).map(
          ([name, value]) => `citadel config:set ${name} ${value}`,
        ),
        ...all.map(({ name, on }) => `citadel config:${on ? "enable" : "disable"} ${name}`),
      ].join("\n");
    },
  },
];

/** what a feature does while it is on */
export const meaning: Readonly<Record<Feature, string>> = {
  PREMIUM_TYPES: "JWTs are signed with EdDSA instead of RS256",
  PRIVATE_REGISTRY: "JWTs are issued by this registry",
  DEBUG: "the server says what --verbose shows",
  PROXY_MODE: "other registries are asked for what is not here",
  BINARY_PROTOCOL: "the live protocol may be spoken in binary frames",
  CACHE_ENABLED: "finished answers are kept in the caches",
  METRICS: "figures are collected",
  LOGGING: "requests are in the log",
};
