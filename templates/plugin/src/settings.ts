import { integer } from "@citadel/core/config";

/**
 * Set in citadel.json5 as `plugins: { census: { least: 5 } }`, or by CITADEL_PLUGINS_CENSUS_LEAST. A value that is not
 * allowed is an error with file and line.
 */
export const settings = {
  /** scopes with fewer packages are left out */
  least: { type: integer(0, 1_000_000), default: 1 },
};
