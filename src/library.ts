import type { ApiKey, ApiKeyOptions, IssuedKey, Permission } from "./access/api-keys.ts";
import { operator } from "./access/may.ts";
import type { From } from "./access/state.ts";
import type { Citadel } from "./citadel.ts";
import { openInstalled, type InstalledOptions } from "./installed.ts";
import type { ByteField, Feature } from "./live/fields.ts";
import type { ConfigBytes } from "./live/header.ts";
import type { Change } from "./live/live.ts";
import type { Actor } from "./store/types.ts";

/** For one call each: whoever makes many opens `LocalRegistry`, or what they need, once. All act as the user of this machine. */

/** The thirteen bytes of the registry that the settings describe. @throws E_CONFIG, E_STORE_UNAVAILABLE, as do all of these */
export const getConfig = (options: InstalledOptions = {}): Promise<ConfigBytes> =>
  using(options, async ({ live }) => (await live()).getConfig());

/** @throws E_INVALID_DOCUMENT, E_CONFLICT when `expect` is not what stands there */
export const setByte = (
  field: ByteField | number,
  value: number,
  options: InstalledOptions & { readonly expect?: number } = {},
): Promise<Change> =>
  using(options, async ({ live }, by) =>
    (await live()).setByte(field, value, { by, expect: options.expect }),
  );

/** Turns a feature on or off, or over. @throws E_INVALID_DOCUMENT for an unknown name */
export const toggleFeature = (
  name: Feature,
  on?: boolean,
  options: InstalledOptions = {},
): Promise<Change> =>
  using(options, async ({ live }, by) => (await live()).toggleFeature(name, on, { by }));

/** An API key, shown this once. @throws E_USER_NOT_FOUND, E_INVALID_DOCUMENT, E_FORBIDDEN */
export const generateApiKey = (
  name: string,
  permissions: readonly Permission[],
  options: InstalledOptions & ApiKeyOptions = {},
): Promise<IssuedKey> =>
  using(options, async ({ apiKeys }) =>
    (await apiKeys()).generateApiKey(name, permissions, options),
  );

/** The key behind the text; undefined when it is none, has ended, or must not be used from there. */
export const verifyApiKey = (
  key: string,
  options: InstalledOptions & From = {},
): Promise<ApiKey | undefined> =>
  using(options, async ({ apiKeys }) => (await apiKeys()).verifyApiKey(key, options));

async function using<T>(
  options: InstalledOptions,
  work: (citadel: Citadel, by: Actor) => Promise<T>,
): Promise<T> {
  const { citadel } = await openInstalled(options);
  try {
    return await work(citadel, operator);
  } finally {
    await citadel.close();
  }
}
