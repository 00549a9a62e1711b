import { gunzipSync } from "node:zlib";
import { CitadelError } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import type { PackageDocument, PackageState } from "@citadel/core/registry";
import type { Upstream } from "@citadel/core/upstream";
import prerelease from "semver/functions/prerelease.js";
import maxSatisfying from "semver/ranges/max-satisfying.js";
import { isShared, readAs, type Shared } from "../context.ts";
import { createResponder } from "../http/exchange.ts";
import { param, type Handler, type Visit } from "./room.ts";
import { createTarball } from "./tarball.ts";

/** A packument as far as it is looked at. */
interface Packument {
  readonly versions?: Readonly<Record<string, { readonly dist?: { readonly tarball?: unknown } }>>;
  readonly time?: Readonly<Record<string, unknown>>;
  readonly "dist-tags"?: Readonly<Record<string, string>>;
}

/**
 * `GET /-/as-of/<date>/<name>`: the packument as it was then (H1). What is published here comes from its history; of a package of
 * another registry all versions of a later date are left out, and `latest` is the newest release that there was.
 */
export const getPast: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { citadel } = shared;
  const name = param(c, "name");
  const time = momentOf(param(c, "date"));
  const base = `${site.base}-/as-of/${param(c, "date")}/`;
  const { upstream } = citadel;
  let open = true;
  const body = await readAs(shared, asked, async (caller) => {
    open = isShared(caller);
    const document = await thenOf(shared, name, time, caller);
    if (document)
      return new Uint8Array(gunzipSync(await citadel.views.gzip(document, "full", base)));
    const found =
      upstream && (await elsewhere(upstream, { name, time, site: site.base, base, caller }));
    if (!found) throw notThen(name, time);
    return new TextEncoder().encode(JSON.stringify(found));
  });
  return c.body(body, 200, {
    "content-type": "application/json",
    "cache-control": `${open ? "" : "private, "}max-age=0, must-revalidate`,
    ...(open ? {} : { vary: "authorization" }),
  });
};

/** What npm asks of every registry besides packages, and what is known now is the answer to: advisories, keys, attestations. */
const timeless = /^\/-\/as-of\/[^/]+(?=\/-\/npm\/v1\/(?:security|keys|attestations)(?:\/|$))/;

export const withoutDate = (visit: Visit): Visit =>
  timeless.test(visit.path) ? { ...visit, path: visit.path.replace(timeless, "") } : visit;

/** `GET /-/as-of/<date>/<name>/-/<file>`: the same bytes as ever, of a version that there was then. */
export function createPastTarball(shared: Shared): Handler {
  const answer = createTarball(shared);
  const toResponse = createResponder();
  return async (c) => {
    const { asked } = c.env;
    const [name, file] = [param(c, "name"), param(c, "file")];
    const time = momentOf(param(c, "date"));
    await readAs(shared, asked, async (caller) => {
      const document = await thenOf(shared, name, time, caller);
      if (document && !fileIn(document.state, name, file)) throw notThen(name, time);
    });
    return toResponse(await answer(asked, name, file));
  };
}

/** A package of this registry with the state of then; undefined for one that is not here. @throws E_PACKAGE_NOT_FOUND */
async function thenOf(
  { citadel: { registry } }: Shared,
  name: string,
  time: number,
  caller: Caller,
): Promise<PackageDocument | undefined> {
  const now = await registry.known(name, caller);
  if (!now) {
    if (await registry.elsewhere(name, caller)) return undefined;
    throw notThen(name, time);
  }
  const state = await registry.packages.asOf(name, time);
  if (!state || state.versions.size === 0) throw notThen(name, time);
  const modified = Math.max(state.created, ...[...state.versions.values()].map((one) => one.time));
  return { ...now, modified, state };
}

const fileIn = ({ versions }: PackageState, name: string, file: string): boolean => {
  const stem = name.slice(name.indexOf("/") + 1);
  return [...versions.keys()].some((version) => file === `${stem}-${version}.tgz`);
};

async function elsewhere(
  upstream: Upstream,
  {
    name,
    time,
    site,
    base,
    caller,
  }: { name: string; time: number; site: string; base: string; caller: Caller },
): Promise<Packument | undefined> {
  const view = await upstream.view(name, "full", site, caller);
  const text = new TextDecoder().decode(view.pick(["identity"]).bytes);
  const {
    versions = {},
    time: times = {},
    "dist-tags": tags = {},
    ...rest
  } = JSON.parse(text) as Packument;
  const before = (version: string): boolean => {
    const at = Date.parse(String(times[version]));
    // what says no date may be from any day
    return at <= time;
  };
  const left = Object.fromEntries(
    Object.entries(versions)
      .filter(([version]) => before(version))
      .map(([version, { dist, ...manifest }]) => {
        const address = dist?.tarball;
        const tarball =
          typeof address === "string" && address.startsWith(site)
            ? base + address.slice(site.length)
            : address;
        return [version, { ...manifest, dist: { ...dist, tarball } }];
      }),
  );
  const names = Object.keys(left);
  if (names.length === 0) return undefined;
  const kept = Object.entries(tags).filter(([, version]) => Object.hasOwn(left, version));
  const releases = names.filter((version) => prerelease(version) === null);
  const newest = maxSatisfying(releases.length > 0 ? releases : names, "*", {
    includePrerelease: true,
  });
  const latest = Object.hasOwn(left, tags["latest"] ?? "") ? tags["latest"] : newest;
  return {
    ...rest,
    versions: left,
    time: Object.fromEntries(
      Object.entries(times).filter(([key]) => key === "created" || Object.hasOwn(left, key)),
    ),
    "dist-tags": { ...Object.fromEntries(kept), ...(latest && { latest }) },
  };
}

/** ms of `2026-03-01`, its end, or of a date with a time. @throws E_BAD_REQUEST */
function momentOf(text: string): number {
  const day = /^\d{4}-\d\d-\d\d$/.test(text);
  const time = Date.parse(day ? `${text}T23:59:59.999Z` : text);
  const shaped = day || /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/.test(text);
  // the 30th of February would be a day in March
  const exists = !Number.isNaN(time) && new Date(time).toISOString().startsWith(text.slice(0, 10));
  if (!shaped || !exists)
    throw new CitadelError("E_BAD_REQUEST", `${JSON.stringify(text.slice(0, 40))} is no date`, {
      hint: ["write it as 2026-03-01 or 2026-03-01T12:00:00Z"],
    });
  return time;
}

const notThen = (name: string, time: number): CitadelError =>
  new CitadelError(
    "E_PACKAGE_NOT_FOUND",
    `there was no such thing of ${name} at ${new Date(time).toISOString()}`,
  );
