import { CitadelError } from "@citadel/core";

/** Where a request goes. The first three are the install path. */
export type Route =
  | { readonly kind: "packument"; readonly name: string }
  | { readonly kind: "tarball"; readonly name: string; readonly file: string }
  | { readonly kind: "ping" }
  /** any other address, with each segment encoded once and a scoped name as one segment */
  | { readonly kind: "other"; readonly path: string }
  | { readonly kind: "bad"; readonly error: CitadelError };

/** Paths whose routes are remembered. */
const remembered = 4096;
const longest = 4096;

/**
 * Finds the route of a request target. The routes of recent paths are kept, so that a hot one costs a look-up.
 * @param prefix path of the public URL, with a slash at both ends; requests below it and below `/` mean the same
 */
export function createRouter(prefix: string): (target: string) => Route {
  const known = new Map<string, Route>();
  return (target) => {
    const query = target.indexOf("?");
    const path = query < 0 ? target : target.slice(0, query);
    const route = known.get(path);
    if (route) return route;
    const found = routeOf(
      prefix !== "/" && path.startsWith(prefix) ? path.slice(prefix.length - 1) : path,
    );
    if (known.size >= remembered) known.clear();
    if (path.length <= 512) known.set(path, found);
    return found;
  };
}

function routeOf(path: string): Route {
  let segments: string[];
  try {
    segments = segmentsOf(path);
  } catch (error) {
    return { kind: "bad", error: error as CitadelError };
  }
  const [first, second, third] = segments;
  if (first === "-" && second === "ping" && segments.length === 2) return { kind: "ping" };
  // no package is called so; one is called "-", below which lies what belongs to none
  const own = first === "-" && segments.length > 1 && !(second === "-" && third?.endsWith(".tgz"));
  if (first !== undefined && !own && first !== "_changes" && first !== "_dashboard") {
    if (segments.length === 1) return { kind: "packument", name: first };
    if (second === "-" && third !== undefined && segments.length === 3)
      return { kind: "tarball", name: first, file: third };
  }
  return { kind: "other", path: `/${segments.map(encodeURIComponent).join("/")}` };
}

/**
 * Decodes each segment once and puts scoped names together, whichever way they were spelled:
 * `/@s/p`, `/@s%2fp`, `/%40s%2Fp`; also the file in `/@s/p/-/@s/p-1.0.0.tgz` and the name in `/-/package/@s/p/…`.
 * @throws E_BAD_REQUEST for what no client sends: `.`, `..`, empty segments, backslashes, control characters, broken percent signs
 */
function segmentsOf(path: string): string[] {
  if (path[0] !== "/" || path.length > longest) throw bad("the path is not one");
  const segments: string[] = [];
  const raw = path.split("/");
  if (raw.at(-1) === "") raw.pop();
  for (const part of raw.slice(1)) {
    const segment = decode(part);
    for (const piece of segment.split("/"))
      if (piece === "" || piece === "." || piece === "..")
        throw bad("the path has an empty or a relative segment");
    const before = segments.at(-1);
    if (before !== undefined && isScope(before) && takesName(segments, segments.length - 1))
      segments[segments.length - 1] = `${before}/${segment}`;
    else segments.push(segment);
  }
  return segments;
}

function decode(part: string): string {
  let segment = part;
  if (part.includes("%"))
    try {
      segment = decodeURIComponent(part);
    } catch {
      throw bad("the path has a broken percent sign");
    }
  // oxlint-disable-next-line no-control-regex -- that is what it refuses
  if (/[\u0000-\u001f\u007f\\]/.test(segment))
    throw bad("the path has a backslash or a control character");
  return segment;
}

function isScope(segment: string): boolean {
  return segment[0] === "@" && !segment.includes("/");
}

/** Places where a package name or a tarball's file name stands. */
function takesName(segments: readonly string[], at: number): boolean {
  if (at === 0) return true;
  if (at === 3 && segments[0] === "-" && segments[1] === "as-of") return true;
  if (at === 5 && segments[1] === "as-of" && segments[4] === "-") return true;
  if (at === 3 && namedThird.has(segments.slice(0, at).join("/"))) return true;
  if (at === 2 && segments[0] === "_dashboard" && segments[1] === "raw") return true;
  if (segments[0] !== "-") return at === 2 && segments[1] === "-";
  return segments[at - 1] === "package" && beforeName.has(segments.slice(1, at).join("/"));
}

/** what stands before the name of a package in other APIs */
const namedThird = new Set(["api/v1/packages", "_dashboard/api/packages"]);

/** what stands between `/-/` and the name of a package */
const beforeName = new Set([
  "package",
  "feed/package",
  "stage/package",
  "user/package",
  "npm/v1/oidc/token/exchange/package",
]);

function bad(message: string): CitadelError {
  return new CitadelError("E_BAD_REQUEST", message);
}
