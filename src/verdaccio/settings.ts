import type { SettingKey } from "../config/table.ts";
import { widerThan } from "./globs.ts";
import { parseListens } from "./listen.ts";
import { covers } from "./rules.ts";
import type { VerdaccioConfig } from "./types.ts";

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
  const { registries, closed, notes } = translateUplinks(config);
  return {
    values: {
      ...(listening && { "server.host": listening.host, "server.port": listening.port }),
      ...(publicUrl !== undefined && { "server.publicUrl": publicUrl }),
      ...(maxBodySize !== undefined && { "limits.tarball": maxBodySize }),
      ...(trustProxy.length > 0 && { "server.trustProxy": trustProxy }),
      ...(htpasswd && htpasswd.maxUsers < 0 && { "server.signup": "closed" }),
      ...(registries.length > 0 && { "upstream.registries": registries }),
      ...(closed.length > 0 && { "upstream.private": closed }),
    },
    notes,
  };
}

/** Which names go to which uplink: of several there only the first is asked here. */
function translateUplinks({ rules, uplinks }: VerdaccioConfig) {
  const routes = new Map<string, string | undefined>();
  const notes: string[] = [];
  for (const { patterns, proxy, glob } of rules) {
    if (proxy.length > 1) notes.push(`for ${glob} only the uplink ${proxy[0]} is asked`);
    // what cannot be said must not be asked for outside
    const wider = proxy.length === 0 ? widerThan(glob) : undefined;
    const named = patterns.length > 0 || wider === undefined ? patterns : [wider];
    for (const pattern of named)
      // the first entry that matches counts there
      if (![...routes.keys()].some((earlier) => covers(earlier, pattern)))
        routes.set(pattern, proxy[0]);
  }
  const registries = uplinks.flatMap(({ name, url, maxAge, secret }) => {
    const packages = [...routes].filter(([, uplink]) => uplink === name).map(([one]) => one);
    if (packages.length === 0) return [];
    if (secret)
      notes.push(`the uplink ${name} is asked without its credentials: see upstream.registries`);
    const freshness = maxAge === undefined ? {} : { freshness: maxAge };
    return [{ name: idOf(name), url, packages, ...freshness }];
  });
  const asked = [...routes].filter(([, uplink]) => uplink !== undefined).map(([one]) => one);
  const closed = [...routes]
    .filter(([, uplink]) => uplink === undefined)
    .map(([pattern]) => pattern)
    .filter((pattern) => asked.some((wider) => covers(wider, pattern)));
  return { registries, closed, notes };
}

/** A name of an upstream as settings take it. */
const idOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 40) || "upstream";
