import type { Citadel } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import {
  byteFields,
  features,
  terminalModes,
  type ByteField,
  type Change,
  type Feature,
  type Live,
} from "@citadel/core/live";

/** A field of the thirteen bytes as people see it. */
export interface LiveItem {
  readonly offset: string;
  readonly field: string;
  readonly value: string | number | boolean;
}

const at = (offset: number): string => `0x${offset.toString(16).padStart(2, "0")}`;

/** Every field and every feature, in the order of the bytes. */
export function liveItems(live: Live): readonly LiveItem[] {
  const { version, registryHash, terminalMode, rows, cols, reserved, ...rest } = live.getConfig();
  return [
    { offset: at(0), field: "version", value: version },
    { offset: at(1), field: "registryHash", value: registryHash },
    ...features.map((field) => ({ offset: at(8), field, value: rest.features[field] })),
    { offset: at(9), field: "terminalMode", value: terminalMode },
    { offset: at(10), field: "rows", value: rows },
    { offset: at(11), field: "cols", value: cols },
    { offset: at(12), field: "reserved", value: reserved },
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

/**
 * @param field a name, or the offset of a byte: `rows`, `0x0a`
 * @throws E_INVALID_DOCUMENT, E_CONFLICT when `expect` is not what stands there
 */
export async function setField(
  { live }: Citadel,
  field: string,
  value: string,
  expect: number | undefined,
): Promise<Change> {
  const switches = await live();
  if (field === "registry") return switches.setRegistry(value);
  const mode = field === "terminalMode" ? terminalModes.findIndex((name) => name === value) : -1;
  const place = /^(?:0x[\da-f]{1,2}|\d{1,2})$/i.test(field) ? Number(field) : (field as ByteField);
  if (typeof place === "string" && !Object.hasOwn(byteFields, place))
    throw new CitadelError("E_USAGE", `${JSON.stringify(field)} is no field`, {
      hint: [
        `it is one of registry, ${Object.keys(byteFields).join(", ")}, or an offset such as 0x0a`,
      ],
    });
  return switches.setByte(place, mode >= 0 ? mode : numberOf(value), { expect });
}

/** @throws E_USAGE for a name that is none */
export async function setFeature({ live }: Citadel, name: string, on: boolean): Promise<Change> {
  const feature = features.find((each) => each === name.toUpperCase()) as Feature | undefined;
  if (!feature)
    throw new CitadelError("E_USAGE", `${JSON.stringify(name)} is no feature`, {
      hint: [`it is one of ${features.join(", ")}`],
    });
  return (await live()).toggleFeature(feature, on);
}

const numberOf = (text: string): number =>
  /^(?:0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
