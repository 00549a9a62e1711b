/** What may be asked about a package. */
export type Route =
  | { readonly kind: "packument"; readonly name: string }
  | { readonly kind: "tarball"; readonly name: string; readonly file: string }
  | { readonly kind: "manifest"; readonly name: string; readonly spec: string }
  | { readonly kind: "tags"; readonly name: string };

const longest = 2048;

/**
 * Where a path leads. Scoped names may be spelled `/@s/p`, `/@s%2fp` or `/%40s%2Fp`, and stand again before the file of a tarball.
 * @param prefix path of the public address, with a slash at both ends
 * @returns undefined when there is nothing, "bad" for what no client sends
 */
export function routeOf(
  pathname: string,
  prefix: string,
): Route | { readonly kind: "ping" } | { readonly kind: "keys" } | "bad" | undefined {
  if (!pathname.startsWith(prefix)) return undefined;
  const segments = segmentsOf(pathname.slice(prefix.length));
  if (!segments) return "bad";
  const [first, second, third] = segments;
  if (first === undefined) return undefined;
  if (first === "-") {
    const path = segments.join("/");
    if (path === "-/ping") return { kind: "ping" };
    if (path === "-/npm/v1/keys") return { kind: "keys" };
    if (second !== "package" || segments.at(-1) !== "dist-tags") return undefined;
    const name = segments.slice(2, -1).join("/");
    return isName(name) ? { kind: "tags", name } : "bad";
  }
  if (!isName(first)) return "bad";
  if (segments.length === 1) return { kind: "packument", name: first };
  if (second === "-" && third !== undefined)
    return { kind: "tarball", name: first, file: segments.slice(2).join("/") };
  if (segments.length === 2 && second !== undefined)
    return { kind: "manifest", name: first, spec: second };
  return undefined;
}

/** Each segment decoded once, a scoped name at the beginning as one. */
function segmentsOf(path: string): string[] | undefined {
  if (path.length > longest) return undefined;
  const raw = path.split("/");
  if (raw.at(-1) === "") raw.pop();
  const segments: string[] = [];
  for (const part of raw) {
    let segment: string;
    try {
      segment = decodeURIComponent(part);
    } catch {
      return undefined;
    }
    if (/[\u0000-\u001f\u007f\\]/.test(segment)) return undefined;
    if (segment.split("/").some((piece) => piece === "" || piece === "." || piece === ".."))
      return undefined;
    const [before] = segments;
    if (segments.length === 1 && before?.startsWith("@") && !before.includes("/"))
      segments[0] = `${before}/${segment}`;
    else segments.push(segment);
  }
  return segments;
}

const form = /^(?:@[\w~!*'()-][\w.~!*'()-]*\/)?[\w~!*'()-][\w.~!*'()-]*$/;

const isName = (name: string): boolean => name.length <= 214 && form.test(name);

/** The version in `p-1.0.0.tgz`, before which the scope may stand as well. */
export function versionOf(name: string, file: string): string | undefined {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const plain = file.startsWith(`${name}-`) ? file.slice(name.length - base.length) : file;
  if (!plain.startsWith(`${base}-`) || !plain.endsWith(".tgz")) return undefined;
  return plain.slice(base.length + 1, -".tgz".length) || undefined;
}

/** A name or version as it stands in the keys of the bucket: `@s%2Fp`. */
export const keyOf = (text: string): string => encodeURIComponent(text).replaceAll("%40", "@");
