import { features, hex, type Change, type Live } from "@citadel/core/live";

/** A field of the thirteen bytes as people see it. */
export interface LiveItem {
  readonly offset: string;
  readonly field: string;
  readonly value: string | number | boolean;
}

/** Every field and every feature, in the order of the bytes. */
export function liveItems(live: Live): readonly LiveItem[] {
  const { version, registryHash, terminalMode, rows, cols, reserved, ...rest } = live.getConfig();
  return [
    { offset: hex(0), field: "version", value: version },
    { offset: hex(1), field: "registryHash", value: registryHash },
    ...features.map((field) => ({ offset: hex(8), field, value: rest.features[field] })),
    { offset: hex(9), field: "terminalMode", value: terminalMode },
    { offset: hex(10), field: "rows", value: rows },
    { offset: hex(11), field: "cols", value: cols },
    { offset: hex(12), field: "reserved", value: reserved },
  ];
}

/** The same as variables that lay it over the file of another machine. */
export function liveVariables(live: Live): readonly string[] {
  const { features: state } = live.getConfig();
  return [
    `CITADEL_CONFIG_HEX=${live.bytes().toString("hex")}`,
    ...features.map((name) => `CITADEL_FEATURE_${name}=${state[name] ? 1 : 0}`),
  ];
}

/** What people are told who change what a variable lays itself over; undefined when nothing does. */
export function overridden(live: Live, { offset, new: bytes }: Change): string | undefined {
  const now = live.bytes();
  if (bytes.every((byte, n) => byte === now[offset + n])) return undefined;
  return "here a variable counts above the file: CITADEL_CONFIG_HEX or CITADEL_FEATURE_…";
}

/** Flags that are set and mean nothing to this version, in words; undefined for none. */
export function unknownFlags(live: Live): string | undefined {
  const { flags } = live.getConfig();
  const set = Array.from({ length: 24 }, (_, n) => n + 8).filter((bit) => (flags >>> bit) & 1);
  return set.length === 0 ? undefined : `flags that mean nothing here are set: ${set.join(", ")}`;
}
