import type { Environment } from "../config/environment.ts";
import { CitadelError } from "../errors.ts";
import { features } from "./fields.ts";
import { placeOf } from "./header.ts";

/** Lays `CITADEL_CONFIG_HEX` and `CITADEL_FEATURE_<NAME>` over what is stored. @throws E_CONFIG */
export function overlay(env: Environment): (stored: Buffer) => Buffer {
  const whole = env["CITADEL_CONFIG_HEX"];
  if (whole && !/^[\da-f]{26}$/i.test(whole))
    throw new CitadelError("E_CONFIG", "CITADEL_CONFIG_HEX has 26 hex digits");
  const set = features.flatMap((name, bit) => {
    const value = env[`CITADEL_FEATURE_${name}`];
    if (!value) return [];
    if (!/^[01]$/.test(value))
      throw new CitadelError("E_CONFIG", `CITADEL_FEATURE_${name} is 0 or 1`);
    return [{ ...placeOf(bit), on: value === "1" }];
  });
  return (stored) => {
    const bytes = Buffer.from(whole ? Buffer.from(whole, "hex") : stored);
    for (const { offset, mask, on } of set) {
      const found = bytes[offset] ?? 0;
      bytes[offset] = on ? found | mask : found & ~mask;
    }
    return bytes;
  };
}
