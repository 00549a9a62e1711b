import { href } from "../../router.ts";

export type Tab =
  | "readme"
  | "versions"
  | "dependencies"
  | "dependents"
  | "files"
  | "diff"
  | "downloads"
  | "access";

/** What an address below that of a package means. */
export interface Place {
  readonly tab: Tab;
  /** a version that the address names; undefined: `latest` */
  readonly version: string | undefined;
  /** of a file or folder; empty for the root */
  readonly file: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

const nothing = { version: undefined, file: "", from: undefined, to: undefined };
const named = new Set<string>(["versions", "dependencies", "dependents", "downloads", "access"]);

/** @param rest what follows the name: ``, `/v/1.2.0/files/lib/a.js`, `/diff/1.0.0...1.2.0` */
export function placeOf(rest: string): Place | undefined {
  const diff = /^\/diff(?:\/([^/]*?)\.\.\.([^/]*))?$/.exec(rest);
  if (diff) return { ...nothing, tab: "diff", from: plain(diff[1]), to: plain(diff[2]) };
  const [, coded, below = ""] = /^(?:\/v\/([^/]+))?(\/.*)?$/.exec(rest) ?? [];
  const at = { ...nothing, version: plain(coded) };
  if (below === "") return { ...at, tab: "readme" };
  const files = /^\/files(?:\/(.*))?$/.exec(below);
  if (files) return { ...at, tab: "files", file: (files[1] ?? "").replace(/\/$/, "") };
  const tab = below.slice(1);
  return named.has(tab) ? { ...at, tab: tab as Tab } : undefined;
}

/** The router leaves `+` as it is encoded; no version has a percent sign. */
const plain = (version: string | undefined): string | undefined =>
  version?.replaceAll("%2B", "+") || undefined;

/** The address of a tab, of the version that the address names now. */
export const addressOf = (name: string, version: string | undefined, below = ""): string =>
  href(
    `/package/${name}${version === undefined ? "" : `/v/${encodeURIComponent(version)}`}${below}`,
  );

export const fileAddress = (name: string, version: string, path: string): string =>
  addressOf(name, version, `/files/${encoded(path)}`);

const encoded = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

/** A path of a file as the router has it. */
export const asRouted = (path: string): string => decodeURI(encoded(path));

export const diffAddress = (name: string, from: string, to: string): string =>
  href(`/package/${name}/diff/${encodeURIComponent(from)}...${encodeURIComponent(to)}`);

/** Of an API of a package. */
export const apiOf = (name: string, below = ""): string =>
  `/packages/${encodeURIComponent(name)}${below}`;
export const versionApi = (name: string, version: string, below = ""): string =>
  apiOf(name, `/at/${encodeURIComponent(version)}${below}`);
