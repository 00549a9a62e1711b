import type { Advisory } from "@citadel/core/advisories";
import { CitadelError } from "@citadel/core";
import { callerOf, nobody } from "../context.ts";
import { readJson, type Json } from "../http/body.ts";
import type { Handler } from "./room.ts";
import { isObject } from "./upload.ts";

/** bytes of a request, unpacked: about 100,000 packages */
const largest = 8 * 2 ** 20;
/** versions that one request may ask about, of one package and of all */
const mostEach = 1000;
const mostVersions = 100_000;

/**
 * `POST /-/npm/v1/security/advisories/bulk`: package → versions, answered with what is known against them. Where no advisories were
 * brought in, upstreams are asked about the packages that are theirs.
 */
export const bulkAdvisories: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { upstream } = shared.citadel;
  const wanted = versionsOf(await readJson(c.req.raw, largest));
  const advisories = await shared.citadel.advisories();
  if (upstream && (await advisories.summary()).total === 0) {
    const caller = await callerOf(shared, asked).catch(() => nobody);
    return c.json(Object.fromEntries(await upstream.advisories(wanted, caller)));
  }
  const found = Array.from(
    await advisories.find(wanted),
    ([name, list]) => [name, list.map(({ advisory }) => bulkItem(advisory))] as const,
  );
  return c.json(Object.fromEntries(found));
};

/** What npm, pnpm, yarn, bun and deno read of an advisory. */
const bulkItem = (advisory: Advisory) => ({
  id: advisory.id,
  url: advisory.url,
  title: advisory.title,
  severity: advisory.severity,
  vulnerable_versions: advisory.vulnerable,
  patched_versions: advisory.patched,
  cwe: advisory.cwe,
  cves: advisory.cves,
  cvss: advisory.cvss,
});

/** @throws E_INVALID_DOCUMENT, E_TOO_LARGE */
function versionsOf(body: Json): Map<string, Set<string>> {
  if (!isObject(body)) throw invalid();
  const asked = new Map<string, Set<string>>();
  let count = 0;
  for (const [name, versions] of Object.entries(body)) {
    if (!Array.isArray(versions)) throw invalid();
    const set = new Set<string>();
    for (const version of versions) {
      if (typeof version !== "string") throw invalid();
      set.add(version);
    }
    count += set.size;
    if (set.size > mostEach || count > mostVersions)
      throw new CitadelError("E_TOO_LARGE", "too many versions for one request", {
        hint: [`ask about at most ${mostEach} versions of a package, ${mostVersions} in all`],
      });
    asked.set(name, set);
  }
  return asked;
}

const invalid = (): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", "an object of package names and versions was expected");
