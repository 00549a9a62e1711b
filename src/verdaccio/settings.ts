import type { SettingKey } from "../config/table.ts";
import { parseListens } from "./listen.ts";
import type { VerdaccioConfig, VerdaccioUplink } from "./types.ts";

export interface TranslatedSettings {
  /** values as a settings file would have them */
  readonly values: Readonly<Partial<Record<SettingKey, unknown>>>;
  /** what cannot be said here, one sentence each */
  readonly notes: readonly string[];
}

/**
 * The settings that a Verdaccio configuration means.
 * @param elsewhere its place to listen is not wanted
 * @throws E_CONFIG for a place to listen that is none
 */
export function translateSettings(config: VerdaccioConfig, elsewhere: boolean): TranslatedSettings {
  const listening = elsewhere ? undefined : parseListens(config.listen);
  const { maxBodySize, publicUrl, trustProxy, htpasswd } = config;
  return {
    values: {
      ...(listening && { "server.host": listening.host, "server.port": listening.port }),
      ...(publicUrl !== undefined && { "server.publicUrl": publicUrl }),
      ...(maxBodySize !== undefined && { "limits.tarball": maxBodySize }),
      ...(trustProxy.length > 0 && { "server.trustProxy": trustProxy }),
      ...(htpasswd && htpasswd.maxUsers < 0 && { "server.signup": "closed" }),
    },
    notes: config.uplinks.map(noteOf),
  };
}

const noteOf = ({ name, url }: VerdaccioUplink): string =>
  `the uplink ${name} (${url}) is not asked`;
