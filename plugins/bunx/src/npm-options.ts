import type { Place } from "./registry.ts";

/** npm's settings for reading packages from a registry into our own cache; nothing of the user's own settings. */
export function npmOptions(
  { url, token, base = url }: Place,
  {
    cache,
    offline,
    remote = false,
  }: { readonly cache: string; readonly offline: boolean; readonly remote?: boolean | undefined },
): Readonly<Record<string, unknown>> {
  const { host, hostname, pathname } = new URL(url);
  return {
    cache,
    offline,
    registry: url,
    // the variables of a proxy are not meant for this machine
    noProxy: hostname,
    // tarballs come from the registry, under whatever name it has in its packuments, and from nowhere else
    replaceRegistryHost: remote ? new URL(base).host : "always",
    fetchRetries: 1,
    fetchRetryFactor: 2,
    fetchRetryMintimeout: 200,
    fetchRetryMaxtimeout: 2000,
    userAgent: "citadel",
    ...(token !== undefined && { [`//${host}${pathname}:_authToken`]: token }),
  };
}
