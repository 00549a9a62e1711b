import { onTestFinished } from "vitest";
import { liar, type Liar } from "../servers/liar.ts";
import { place, type Place } from "../serve/place.ts";
import { pack, sha1, sha512, type Manifest } from "../support/packages.ts";

export const short = "application/vnd.npm.install-v1+json";

/** A package as an upstream has it. */
export interface Stocked {
  /** version → what else its manifest says */
  readonly versions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly tags?: Readonly<Record<string, string>>;
  /** version → ISO date; a day long ago by default */
  readonly time?: Readonly<Record<string, string | undefined>>;
}

export interface Stock {
  /** the packument as it is served */
  readonly document: any;
  readonly tarballs: ReadonlyMap<string, Buffer>;
}

/** Makes a liar tell the truth about a package, with an etag and 304, until a test makes it lie. */
export function stock(there: Liar, name: string, { versions, tags, time = {} }: Stocked): Stock {
  const tarballs = new Map<string, Buffer>();
  const base = name.slice(name.lastIndexOf("/") + 1);
  const list = Object.keys(versions);
  const document: any = {
    _id: name,
    name,
    "dist-tags": tags ?? { latest: list.at(-1) },
    versions: {},
    time: { created: "2020-01-01T00:00:00.000Z", modified: "2020-01-02T00:00:00.000Z" },
    readme: 'about "tarball":"x" and \\"dist\\"',
  };
  for (const version of list) {
    const manifest: Manifest = { name, version, ...versions[version] };
    const bytes = pack(manifest);
    const file = `/${name}/-/${base}-${version}.tgz`;
    tarballs.set(version, bytes);
    document.versions[version] = {
      ...manifest,
      dist: { integrity: sha512(bytes), shasum: sha1(bytes), tarball: there.url + file },
    };
    const date = version in time ? time[version] : "2020-01-02T00:00:00.000Z";
    if (date !== undefined) document.time[version] = date;
    there.on(file, (_request, response) =>
      response.writeHead(200, { "content-length": bytes.length }).end(bytes),
    );
  }
  serveDocument(there, name, document);
  return { document, tarballs };
}

/** What the liar says about a package from now on. */
export function serveDocument(there: Liar, name: string, document: unknown): void {
  const body = JSON.stringify(document);
  const etag = `"${sha1(Buffer.from(body)).slice(0, 8)}"`;
  there.on(pathOf(name), (request, response) => {
    if (request.headers["if-none-match"] === etag) response.writeHead(304, { etag }).end();
    else response.writeHead(200, { "content-type": "application/json", etag }).end(body);
  });
}

export const pathOf = (name: string): string => `/${name.replace("/", "%2f")}`;

export async function server(): Promise<Liar> {
  const there = await liar();
  onTestFinished(() => there[Symbol.asyncDispose]());
  return there;
}

/** A registry in front of a liar; everything is asked for there. */
export async function behind(
  there: Liar,
  upstream: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Place> {
  const timeouts = { connect: 1000, first: 200, idle: 200, whole: 2000 };
  const one = { name: "liar", url: `${there.url}/`, timeouts, ...upstream };
  const here = await place({ "upstream.registries": [one], ...settings });
  onTestFinished(() => here[Symbol.asyncDispose]());
  return here;
}

/** Lets a packument grow as old as `ms`, in memory and in the store: no test waits for the clock. */
export async function age(ms: number, work: () => Promise<void>): Promise<void> {
  const now = Date.now;
  Date.now = () => now() + ms;
  try {
    await work();
  } finally {
    Date.now = now;
  }
}
