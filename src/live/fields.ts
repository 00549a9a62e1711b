// No module of Node: browsers read these names too.

/** Bytes of the header: the shape is for ever. Big-endian. */
export const headerLength = 13;

/** Bits of the flags, by their position. */
export const features = [
  "PREMIUM_TYPES",
  "PRIVATE_REGISTRY",
  "DEBUG",
  "PROXY_MODE",
  "BINARY_PROTOCOL",
  "CACHE_ENABLED",
  "METRICS",
  "LOGGING",
] as const;
export type Feature = (typeof features)[number];

export const terminalModes = ["disabled", "cooked", "raw"] as const;
export type TerminalMode = (typeof terminalModes)[number];

/** Fields of one byte by their offset, and what they may hold. */
export const byteFields = {
  version: { offset: 0x00, least: 0, most: 255 },
  terminalMode: { offset: 0x09, least: 0, most: 2 },
  rows: { offset: 0x0a, least: 1, most: 255 },
  cols: { offset: 0x0b, least: 1, most: 255 },
} as const;
export type ByteField = keyof typeof byteFields;

/** `0x0a` */
export const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, "0")}`;
