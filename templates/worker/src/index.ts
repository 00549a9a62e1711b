import { mayRead } from "./access.ts";
import { allowsGzip, conditionsOf, prefersShort, rangeOf } from "./headers.ts";
import { keyOf, routeOf, versionOf, type Route } from "./routes.ts";

export interface Env {
  /** the bucket that Citadel exports to */
  readonly REGISTRY: R2Bucket;
  /** path of the public address, with a slash at both ends */
  readonly PATH?: string;
  /** what stands before `edge/` in the bucket */
  readonly PREFIX?: string;
}

type Area = "public" | "private";
type Found = R2Object | R2ObjectBody;

/** Hands out what Citadel exported: finished packuments, tarballs, nothing else. Reads one object, and writes none. */
export default {
  async fetch(request, env): Promise<Response> {
    const response = await answer(request, env).catch((error: unknown) => {
      console.error(error);
      return failure(500, "the registry could not be read");
    });
    if (request.method !== "HEAD" || !response.body) return response;
    await response.body.cancel();
    return new Response(null, response);
  },
} satisfies ExportedHandler<Env>;

async function answer(request: Request, env: Env): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return failure(405, "packages are only read here; publish at the registry itself", {
      allow: "GET, HEAD",
    });
  const route = routeOf(new URL(request.url).pathname, env.PATH ?? "/");
  if (route === undefined) return failure(404, "there is nothing at this address");
  if (route === "bad") return failure(400, "the path is not one that a package manager asks for");
  if (route.kind === "ping") return json("{}", { "cache-control": "no-store" });
  if (route.kind === "keys") {
    const keys = await env.REGISTRY.get(`${env.PREFIX ?? ""}edge/keys.json`);
    if (!keys) return failure(404, "this registry has no signing keys");
    return json(await keys.text(), { "cache-control": "public, max-age=300" });
  }
  return fromPackage(request, env, route);
}

/** What everybody may read lies in one place, so that it costs one look; the rest only for whoever may know of it. */
async function fromPackage(request: Request, env: Env, route: Route): Promise<Response> {
  const file = fileOf(request, route);
  if (file === undefined) return notFound(route.name);
  for (const area of ["public", "private"] as const) {
    if (area === "private") {
      const allowed = await mayRead(request, env.REGISTRY, env.PREFIX ?? "", route.name);
      if (allowed === "unknown token")
        return failure(401, "the token is unknown here, was revoked or has expired", {
          "www-authenticate": "Bearer",
        });
      if (!allowed) break;
    }
    const key = `${env.PREFIX ?? ""}edge/${area}/${keyOf(route.name)}/${file}`;
    if (route.kind === "tarball") {
      const sent = await tarball(request, env.REGISTRY, key, area);
      if (sent) return sent;
    } else {
      const found = await env.REGISTRY.get(key, { onlyIf: conditionsOf(request) });
      if (found) return packument(request, found, area, route);
    }
  }
  return notFound(route.name);
}

function fileOf(request: Request, route: Route): string | undefined {
  if (route.kind === "packument")
    return prefersShort(request.headers.get("accept") ?? "") ? "short.json" : "full.json";
  if (route.kind !== "tarball") return "full.json";
  const version = versionOf(route.name, route.file);
  return version && `${keyOf(version)}.tgz`;
}

async function packument(
  request: Request,
  found: Found,
  area: Area,
  route: Exclude<Route, { kind: "tarball" }>,
): Promise<Response> {
  const shared = area === "public";
  const isShort = found.key.endsWith("short.json");
  const headers = new Headers({
    ...common,
    "content-type": isShort ? "application/vnd.npm.install-v1+json" : "application/json",
    "cache-control": shared
      ? "public, max-age=60, stale-while-revalidate=300"
      : "private, max-age=0, must-revalidate",
    vary: `accept, accept-encoding${shared ? "" : ", authorization"}`,
    etag: found.httpEtag,
    "last-modified": found.uploaded.toUTCString(),
  });
  if (!("body" in found)) return new Response(null, { status: 304, headers });
  if (route.kind === "packument" && allowsGzip(request)) {
    headers.set("content-encoding", "gzip");
    headers.set("content-length", String(found.size));
    return new Response(found.body, { headers, encodeBody: "manual" });
  }
  const plain = found.body.pipeThrough(new DecompressionStream("gzip"));
  // the same content in other bytes
  headers.set("etag", `W/${found.httpEtag}`);
  if (route.kind === "packument") return new Response(plain, { headers });
  return part(await new Response(plain).json<Packument>(), route, headers);
}

interface Packument {
  readonly "dist-tags": Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, unknown>>;
}

/** The tags, or one manifest, out of the packument. */
function part(
  { "dist-tags": tags, versions }: Packument,
  route: Exclude<Route, { kind: "tarball" | "packument" }>,
  headers: Headers,
): Response {
  if (route.kind === "tags") return new Response(JSON.stringify(tags), { headers });
  const { spec, name } = route;
  const version = Object.hasOwn(tags, spec) ? tags[spec] : spec;
  if (version === undefined || !Object.hasOwn(versions, version))
    return failure(404, `version not found: ${name}@${spec}`);
  return new Response(JSON.stringify(versions[version]), { headers });
}

/** Whole or a part; undefined when there is none. */
async function tarball(
  request: Request,
  bucket: R2Bucket,
  key: string,
  area: Area,
): Promise<Response | undefined> {
  const onlyIf = conditionsOf(request);
  let range = rangeOf(request);
  let found: Found | null;
  try {
    found = await bucket.get(key, range ? { onlyIf, range } : { onlyIf });
  } catch (error) {
    // R2 has no other word for a range outside of the object
    const whole = range && (await bucket.head(key));
    if (!whole) throw error;
    const headers = { ...common, "content-range": `bytes */${whole.size}` };
    return new Response(null, { status: 416, headers });
  }
  const ifRange = request.headers.get("if-range");
  if (range && found && ifRange !== null && ifRange !== found.httpEtag) {
    // the rest of something else: all of this
    range = undefined;
    if ("body" in found) await found.body.cancel();
    found = await bucket.get(key, { onlyIf });
  }
  if (!found) return undefined;
  const headers = new Headers({
    ...common,
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "cache-control": `${area}, max-age=31536000, immutable`,
    ...(area === "private" && { vary: "authorization" }),
    "accept-ranges": "bytes",
    etag: found.httpEtag,
    "last-modified": found.uploaded.toUTCString(),
  });
  if (!("body" in found)) return new Response(null, { status: 304, headers });
  const [start, end] = boundsOf(range && found.range, found.size);
  headers.set("content-length", String(end - start));
  if (!range) return new Response(found.body, { headers });
  headers.set("content-range", `bytes ${start}-${end - 1}/${found.size}`);
  return new Response(found.body, { status: 206, headers });
}

function boundsOf(range: R2Range | undefined, size: number): readonly [start: number, end: number] {
  const {
    suffix,
    offset = 0,
    length = size,
  }: Partial<Record<"suffix" | "offset" | "length", number>> = range ?? {};
  return suffix === undefined
    ? [offset, Math.min(size, offset + length)]
    : [Math.max(0, size - suffix), size];
}

const common = {
  "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
} as const;

const json = (text: string, headers: Record<string, string>): Response =>
  new Response(text, { headers: { ...common, "content-type": "application/json", ...headers } });

/** Package managers show `error`. */
const failure = (status: number, error: string, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ error }), {
    status,
    headers: {
      ...common,
      "content-type": "application/json",
      "cache-control": "no-store",
      ...headers,
    },
  });

const notFound = (name: string): Response => failure(404, `package not found: ${name}`);
