import type { Caller } from "../access/types.ts";
import { storeCode, type Driver, type Key } from "../driver/index.ts";
import { escaped } from "../documents/readme/escape.ts";
import { CitadelError } from "../errors.ts";
import type { Store } from "../store/types.ts";
import { createReleases, type ReleasesOptions } from "./releases.ts";
import type { FeedDocument, FeedEntry, FeedFilter, FeedFormat, Release } from "./types.ts";
import { writeFeed } from "./write.ts";

const key: Key = "n/feed/authority";

export interface FeedsOptions extends ReleasesOptions {
  readonly driver: Driver;
  readonly store: Pick<Store, "ledger">;
}

/** What a feed is asked for. */
export interface FeedRequest {
  readonly filter: FeedFilter;
  readonly format: FeedFormat;
  /** address of the registry, with a slash, and of the feed */
  readonly base: string;
  readonly self: string;
}

/** Feeds of what happens in this registry, for Atom, RSS and JSON Feed. */
export interface Feeds {
  /**
   * The newest hundred entries, and all of the last hour; of packages that the caller may read. At most a second old.
   * @throws E_PACKAGE_NOT_FOUND for the feed of a package that is not there, or not for the caller
   */
  read(request: FeedRequest, caller: Caller): Promise<FeedDocument>;
  /** What became of the rules of the supply chain; the caller is an administrator. */
  policy(request: Omit<FeedRequest, "filter">): Promise<FeedDocument>;
}

export function createFeeds(options: FeedsOptions): Feeds {
  const { registry, driver, store } = options;
  const releases = createReleases(options);
  let authority: Promise<string> | undefined;

  const hostOf = (base: string): Promise<string> => {
    authority ??= settled(driver, new URL(base).hostname);
    authority.catch(() => (authority = undefined));
    return authority;
  };

  return {
    async read({ filter, format, base, self }, caller) {
      const only = filter.package;
      if (only !== undefined && !(await registry.known(only, caller)))
        throw new CitadelError(
          "E_PACKAGE_NOT_FOUND",
          `there is no package ${only} in this registry`,
        );
      const host = await hostOf(base);
      const found = await releases(filter, caller);
      return writeFeed(
        {
          title: titleOf(filter),
          id: `tag:${host},2000:feed/${labelOf(filter)}`,
          ...{ self, home: base },
          entries: found.map((release) => entryOf(release, host, base)),
        },
        format,
      );
    },

    async policy({ format, base, self }) {
      const host = await hostOf(base);
      const { policyEntries } = await import("./policy.ts");
      const entries = await policyEntries(store, host, base);
      const id = `tag:${host},2000:feed/policy`;
      return writeFeed({ title: "Policy of the registry", id, self, home: base, entries }, format);
    },
  };
}

/** The host that ids are made of: the one under which feeds were asked for first, for ever; an address may change, an id may not. */
async function settled(driver: Driver, host: string): Promise<string> {
  const read = async (): Promise<string | undefined> => {
    const item = await driver.get(key);
    return item && (JSON.parse(Buffer.from(item.body).toString()) as { host: string }).host;
  };
  const known = await read();
  if (known !== undefined) return known;
  try {
    await driver.put(key, Buffer.from(JSON.stringify({ v: 1, host })), { ifAbsent: true });
    return host;
  } catch (error) {
    if (storeCode(error) !== "CONFLICT") throw error;
    return (await read()) ?? host;
  }
}

const labelOf = ({ scope, package: only, tag, prereleases }: FeedFilter): string =>
  [only ?? (scope === undefined ? "releases" : `@${scope}`), tag, prereleases]
    .filter((part) => part !== undefined)
    .join("/");

function titleOf({ scope, package: only, tag, prereleases }: FeedFilter): string {
  const of = only ?? (scope === undefined ? "all packages" : `@${scope}`);
  const which = tag === undefined ? "" : ` under the tag ${tag}`;
  const kind = prereleases === "only" ? "Prereleases" : "Releases";
  return `${kind} of ${of}${which}`;
}

function entryOf(release: Release, host: string, base: string): FeedEntry {
  const { kind, name, version, rev, time } = release;
  const thing = `${name}@${version}`;
  // a version is published once; what becomes of it later may happen again
  const id = `tag:${host},${new Date(time).getUTCFullYear()}:${thing}`;
  return {
    id: kind === "publish" ? id : `${id}/${kind}/${rev}`,
    title: titles[kind](release),
    link: `${base}_dashboard/package/${name}/v/${encodeURIComponent(version)}`,
    time,
    html: htmlOf(release),
    ...{ by: release.by, event: kind, package: name, version, tags: release.tags },
  };
}

const titles: Readonly<Record<Release["kind"], (release: Release) => string>> = {
  publish: ({ name, version }) => `${name} ${version}`,
  deprecate: ({ name, version }) => `${name} ${version} is deprecated`,
  undeprecate: ({ name, version }) => `${name} ${version} is no longer deprecated`,
  unpublish: ({ name, version }) => `${name} ${version} was unpublished`,
  rollback: ({ name, version, tags }) => `${name} ${tags.join(", ")} is ${version} again`,
};

function htmlOf({ kind, name, version, description, message, from, tags, by }: Release): string {
  const parts = [
    description,
    message,
    from === undefined ? undefined : `before: ${from}`,
    tags.length > 0 ? `tags: ${tags.join(", ")}` : undefined,
    by === "" ? undefined : `by ${by}`,
  ];
  const text = parts.filter((part) => part !== undefined).map((part) => `<p>${escaped(part)}</p>`);
  const install =
    kind === "publish" ? `<pre>npm install ${escaped(`${name}@${version}`)}</pre>` : "";
  return text.join("") + install;
}
