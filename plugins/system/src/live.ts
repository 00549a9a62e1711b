import { features, hex, type Live } from "@citadel/core/live";

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
