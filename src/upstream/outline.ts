import { CitadelError } from "../errors.ts";
import { tarballFile } from "../registry/names.ts";
import { cursor, type Cursor } from "./scan.ts";
import { SLICE, type Turn } from "./turns.ts";

/** bytes from which on a packument waits for its turn at once */
const LARGE = 64 * 1024;
/** bytes of one version's manifest, and of any other part of a packument */
const largestManifest = 4 * 2 ** 20;
const largestPart = 16 * 2 ** 20;
const mostVersions = 100_000;
/** what can be a version, and can stand in an address */
const version = /^\d{1,16}\.\d{1,16}\.\d{1,16}[0-9A-Za-z.+-]{0,200}$/;

/** Half-open range of bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One version in the bytes of a packument. */
export interface Release {
  readonly version: string;
  /** from its name to the end of its manifest */
  readonly entry: Span;
  /** the manifest */
  readonly manifest: Span;
  /** text of `dist.tarball`, with its quotes */
  readonly tarball: Span | undefined;
  /** `dist.tarball`; absent where it is what it should be */
  readonly url?: string;
  /** the strongest hash of the tarball that upstream gives, as in SRI: `sha512-…`, `sha1-…` */
  readonly integrity: string | undefined;
  readonly deprecated: boolean;
  readonly hasInstallScript: boolean;
  readonly license: string | undefined;
  /** ms since 1970 */
  readonly published: number | undefined;
}

type Found = Omit<Release, "published" | "url"> & { readonly url: string | undefined };

/** What there is to know of a packument, and where it stands in its bytes. */
export interface Outline {
  readonly name: string;
  /** in the order of the bytes */
  readonly releases: ReadonlyMap<string, Release>;
  readonly tags: ReadonlyMap<string, string>;
  /** values of `versions`, `dist-tags` and `time` */
  readonly versionsAt: Span;
  readonly tagsAt: Span | undefined;
  readonly timeAt: Span | undefined;
  /** ms since 1970 */
  readonly modified: number | undefined;
  /** whether all that stands in `versions` is in `releases` */
  readonly complete: boolean;
}

export interface OutlineOptions {
  readonly turn: Turn;
  /** what the addresses of its tarballs should begin with: `<url of upstream><name>/-/` */
  readonly from: string;
}

/**
 * Reads a packument without making objects of it, and gives other work a turn meanwhile.
 * @throws E_REMOTE_ANSWER for what is no packument of that name
 */
export async function outlineOf(
  bytes: Buffer,
  name: string,
  { turn, from }: OutlineOptions,
): Promise<Outline> {
  if (bytes.length > LARGE) await turn();
  const at = cursor(bytes);
  const found = new Map<string, Found>();
  let own: string | undefined;
  let tags = new Map<string, string>();
  let time = new Map<string, string>();
  const spans: { versions?: Span; tags?: Span; time?: Span } = {};
  let modified: string | undefined;
  let complete = true;
  let slice = performance.now();

  for (const { key } of at.members()) {
    const start = at.at();
    if (key === "name") own = at.text();
    else if (key === "modified") modified = at.text();
    else if (key === "dist-tags") {
      tags = texts(at);
      spans.tags = { start, end: at.at() };
    } else if (key === "time") {
      time = texts(at);
      spans.time = { start, end: at.at() };
    } else if (key === "versions") {
      for (const member of at.members()) {
        const release = releaseOf(at, member.key, member.start);
        if (release) found.set(member.key, release);
        else complete = false;
        if (found.size > mostVersions) throw useless("it has too many versions");
        if (performance.now() - slice < SLICE) continue;
        await turn();
        slice = performance.now();
      }
      spans.versions = { start, end: at.at() };
    } else at.skip(largestPart);
  }
  at.end();
  if (own !== name) throw useless("it is about another package");
  const releases = new Map<string, Release>();
  for (const [id, { url, ...release }] of found) {
    const usual = url === from + tarballFile(name, id);
    const published = dateOf(time.get(id));
    releases.set(id, { ...release, ...(url === undefined || usual ? {} : { url }), published });
  }
  return {
    name,
    releases,
    tags: new Map([...tags].filter(([, target]) => releases.has(target))),
    // of a package that was unpublished they are gone
    versionsAt: spans.versions ?? { start: 0, end: 0 },
    tagsAt: spans.tags,
    timeAt: spans.time,
    modified: dateOf(modified ?? time.get("modified")),
    complete,
  };
}

function releaseOf(at: Cursor, id: string, from: number): Found | undefined {
  const start = at.at();
  if (!version.test(id)) {
    at.skip(largestManifest);
    return undefined;
  }
  let dist: ReturnType<typeof distOf> | undefined;
  let deprecated = false;
  let installs = false;
  let gyp = false;
  let license: string | undefined;
  for (const { key } of at.members())
    switch (key) {
      case "dist":
        dist = distOf(at);
        break;
      case "deprecated":
        deprecated = (at.text() ?? "") !== "" || deprecated;
        break;
      case "hasInstallScript":
        installs = at.flag() === true || installs;
        break;
      case "gypfile":
        gyp = at.flag() === true;
        break;
      case "scripts":
        for (const { key: script } of at.members())
          installs ||= script === "preinstall" || script === "install" || script === "postinstall";
        break;
      case "license":
        license = licenseOf(at);
        break;
      default:
        at.skip(largestManifest);
    }
  const end = at.at();
  if (end - start > largestManifest) throw useless("a part of it is too large");
  return {
    version: id,
    entry: { start: from, end },
    manifest: { start, end },
    tarball: dist?.tarball,
    url: dist?.url,
    integrity: dist?.integrity,
    deprecated,
    hasInstallScript: installs || gyp,
    license,
  };
}

function distOf(at: Cursor): Pick<Found, "tarball" | "url" | "integrity"> {
  let tarball: Span | undefined;
  let url: string | undefined;
  let integrity: string | undefined;
  let shasum: string | undefined;
  for (const { key } of at.members()) {
    const start = at.at();
    if (key === "tarball") {
      url = at.text();
      if (url !== undefined) tarball = { start, end: at.at() };
    } else if (key === "integrity") integrity = at.text();
    else if (key === "shasum") shasum = at.text();
  }
  return { tarball, url, integrity: strongest(integrity, shasum) };
}

const lengths = { sha512: 64, sha384: 48, sha256: 32, sha1: 20 } as const;

/** The hash that content has to have; a short one only where there is no better. */
function strongest(integrity = "", shasum = ""): string | undefined {
  const hashes = integrity.split(/\s+/);
  for (const [algorithm, length] of Object.entries(lengths))
    for (const hash of hashes) {
      const [, base64 = ""] = hash.startsWith(`${algorithm}-`) ? hash.split("-") : [];
      const digest = Buffer.from(base64, "base64");
      if (digest.length === length) return `${algorithm}-${digest.toString("base64")}`;
    }
  if (!/^[0-9a-f]{40}$/i.test(shasum)) return undefined;
  return `sha1-${Buffer.from(shasum, "hex").toString("base64")}`;
}

/** A licence as manifests of all ages have it: a text, or `{ "type": … }`. */
function licenseOf(at: Cursor): string | undefined {
  let type: string | undefined;
  if (!at.isObject()) return at.text();
  for (const { key } of at.members()) if (key === "type") type = at.text();
  return type;
}

function texts(at: Cursor): Map<string, string> {
  const map = new Map<string, string>();
  for (const { key } of at.members()) {
    const text = at.text();
    if (text !== undefined) map.set(key, text);
  }
  return map;
}

/** ms since 1970 of an ISO date. */
function dateOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

const useless = (why: string): CitadelError =>
  new CitadelError("E_REMOTE_ANSWER", `what upstream answered is of no use: ${why}`);
