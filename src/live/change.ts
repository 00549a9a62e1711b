import { CitadelError } from "../errors.ts";
import { byteFields, features, terminalModes, type ByteField } from "./fields.ts";
import type { Change, Changing, Live } from "./live.ts";

/**
 * Changes a field as people name it.
 * @param field a name, or the offset of a byte: `rows`, `0x0a`; `registry` takes an address
 * @throws E_USAGE, E_INVALID_DOCUMENT, E_CONFLICT when `expect` is not what stands there
 */
export async function setField(
  live: Live,
  field: string,
  value: string,
  options: Changing & { readonly expect?: number | undefined } = {},
): Promise<Change> {
  if (field === "registry") return live.setRegistry(value, options);
  const mode = field === "terminalMode" ? terminalModes.findIndex((name) => name === value) : -1;
  const place = /^(?:0x[\da-f]{1,2}|\d{1,2})$/i.test(field) ? Number(field) : (field as ByteField);
  if (typeof place === "string" && !Object.hasOwn(byteFields, place))
    throw new CitadelError("E_USAGE", `${JSON.stringify(field)} is no field`, {
      hint: [
        `it is one of registry, ${Object.keys(byteFields).join(", ")}, or an offset such as 0x0a`,
      ],
    });
  return live.setByte(place, mode >= 0 ? mode : numberOf(value), options);
}

/** @throws E_USAGE for a name that is none */
export async function setFeature(
  live: Live,
  name: string,
  on: boolean,
  changing?: Changing,
): Promise<Change> {
  const feature = features.find((each) => each === name.toUpperCase());
  if (!feature)
    throw new CitadelError("E_USAGE", `${JSON.stringify(name)} is no feature`, {
      hint: [`it is one of ${features.join(", ")}`],
    });
  return live.toggleFeature(feature, on, changing);
}

const numberOf = (text: string): number =>
  /^(?:0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
