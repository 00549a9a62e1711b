import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Environment } from "../config/environment.ts";
import { parseDuration, parseSize } from "../config/units.ts";
import { CitadelError } from "../errors.ts";
import { patternsOf } from "./globs.ts";
import type { VerdaccioConfig, VerdaccioRule, VerdaccioUplink } from "./types.ts";

/** bytes; real ones have a few thousand */
const largest = 2 ** 20;
/** keys that this module reads, and what is not worth a word */
const known = new Set([
  ...["storage", "auth", "packages", "uplinks", "listen", "url_prefix", "max_body_size"],
  ...["publish", "log", "logs", "web", "i18n", "plugins", "flags", "experiments", "user_agent"],
]);

/** YAML that was read: maps, lists, texts, numbers, booleans. */
type Value = unknown;
type Section = ReadonlyMap<string, Value>;

/**
 * Reads a Verdaccio configuration. Nothing is changed, and nothing that it names has to be there.
 * @param env `VERDACCIO_PUBLIC_URL` and `VERDACCIO_STORAGE_PATH` count as they do there
 * @throws E_CONFIG that names the line of what is no YAML, or the key of what makes no sense
 */
export async function readVerdaccioConfig(
  path: string,
  env: Environment,
): Promise<VerdaccioConfig> {
  const file = resolve(path);
  const folder = dirname(file);
  const root = await readYaml(file, path);
  const wrong = (key: string, expected: string): CitadelError =>
    new CitadelError("E_CONFIG", `${path}: ${key} must be ${expected}`);
  const text = (section: Section, key: string, name = key): string | undefined => {
    const value = section.get(key);
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "string" || value === "") throw wrong(name, "a text");
    return value;
  };
  const section = (of: Section, key: string, name = key): Section => {
    const value = of.get(key);
    if (value === undefined || value === null) return new Map();
    if (!(value instanceof Map)) throw wrong(name, "a section with keys");
    return value as Section;
  };

  const storage = env["VERDACCIO_STORAGE_PATH"] ?? text(root, "storage") ?? "./storage";
  const auth = section(root, "auth");
  const htpasswd = auth.has("htpasswd") ? section(auth, "htpasswd", "auth.htpasswd") : undefined;
  const users = htpasswd && text(htpasswd, "file", "auth.htpasswd.file");
  const maxUsers = htpasswd?.get("max_users");

  const packages = section(root, "packages");
  const subfolders = new Set<string>();
  const rules = Array.from(packages.keys(), (glob): VerdaccioRule => {
    const rule = section(packages, glob, `packages.${glob}`);
    const own = text(rule, "storage", `packages.${glob}.storage`);
    if (own !== undefined) subfolders.add(resolve(folder, storage, own));
    const words = (key: string): string[] => wordsOf(rule.get(key));
    return {
      glob,
      patterns: patternsOf(glob),
      access: [...words("access"), ...words("allow_access")],
      publish: [...words("publish"), ...words("allow_publish")],
      ...(rule.has("unpublish") &&
        rule.get("unpublish") !== false && { unpublish: words("unpublish") }),
      proxy: [...words("proxy"), ...words("proxy_access")],
    };
  });

  const links = section(root, "uplinks");
  const uplinks = Array.from(links.keys(), (name): VerdaccioUplink => {
    const link = section(links, name, `uplinks.${name}`);
    const url = text(link, "url", `uplinks.${name}.url`);
    if (url === undefined || !URL.canParse(url)) throw wrong(`uplinks.${name}.url`, "an address");
    const secret = ["auth", "headers", "ca", "cert", "key"].some((key) => link.has(key));
    const maxAge = link.get("maxage");
    const fresh = parseDuration(maxAge) === undefined ? {} : { maxAge: String(maxAge) };
    return { name, url, secret, ...fresh };
  });

  const size = root.get("max_body_size");
  const maxBodySize = size === undefined || size === null ? undefined : parseSize(size);
  if (size !== undefined && size !== null && maxBodySize === undefined)
    throw wrong("max_body_size", "a size such as 10mb");
  const server = section(root, "server");
  const publicUrl = publicUrlOf(env["VERDACCIO_PUBLIC_URL"], text(root, "url_prefix"));
  return {
    path: file,
    folders: [resolve(folder, storage), ...subfolders],
    ...(users !== undefined && {
      htpasswd: {
        file: resolve(folder, users),
        maxUsers: typeof maxUsers === "number" ? maxUsers : Infinity,
      },
    }),
    rules,
    uplinks,
    listen: listOf(root.get("listen")),
    ...(publicUrl !== undefined && { publicUrl }),
    ...(maxBodySize !== undefined && { maxBodySize }),
    trustProxy: wordsOf(server.get("trustProxy")).filter((word) => /^[\d.:a-f/]+$/i.test(word)),
    unused: unusedOf(root, auth, server),
  };
}

/** The configuration file itself, or the usual one in a folder; undefined for a folder without. */
export async function findVerdaccioConfig(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found)
    throw new CitadelError("E_USAGE", `${path} is not there`, {
      hint: ["name Verdaccio's config.yaml, or its storage folder"],
    });
  if (!found.isDirectory()) return path;
  for (const name of ["config.yaml", "config.yml"]) {
    const file = join(path, name);
    if (await stat(file).catch(() => undefined)) return file;
  }
  return undefined;
}

async function readYaml(file: string, shown: string): Promise<Section> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${shown} cannot be read`, {
      hint: ["name Verdaccio's config.yaml"],
      cause: error,
    });
  });
  if (text.length > largest) throw new CitadelError("E_CONFIG", `${shown} is too large`);
  const { parseDocument } = await import("yaml");
  // maps stay maps, so that a key such as __proto__ is a key like any other
  const document = parseDocument(text, { prettyErrors: true, logLevel: "silent" });
  const [problem] = document.errors;
  if (problem)
    throw new CitadelError("E_CONFIG", `${shown} is not YAML: ${problem.message.split("\n")[0]}`);
  const root: Value = document.toJS({ mapAsMap: true, maxAliasCount: 100 });
  if (!(root instanceof Map))
    throw new CitadelError("E_CONFIG", `${shown} is not a configuration of Verdaccio`, {
      hint: ["it is a file with keys such as storage, auth and packages"],
    });
  return root as Section;
}

/** `$all bob` and `[$all, bob]`. */
function wordsOf(value: Value): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((word) =>
    typeof word === "string" ? word.split(/[\s,]+/).filter((part) => part !== "") : [],
  );
}

function listOf(value: Value): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((one) =>
    typeof one === "string" || typeof one === "number" ? [String(one)] : [],
  );
}

/** An address in full, from either place; a prefix alone needs the host that a request names. */
function publicUrlOf(url: string | undefined, prefix: string | undefined): string | undefined {
  const base = url ?? prefix;
  if (base === undefined || !/^https?:\/\//.test(base) || !URL.canParse(base)) return undefined;
  const whole = new URL(base);
  if (url !== undefined && prefix !== undefined && !/^https?:/.test(prefix))
    whole.pathname = join("/", whole.pathname, prefix);
  return whole.href;
}

function unusedOf(root: Section, auth: Section, server: Section): string[] {
  const unused = [...root.keys()].filter((key) => !known.has(key) && key !== "server");
  for (const key of auth.keys()) if (key !== "htpasswd") unused.push(`auth.${key}`);
  for (const key of server.keys())
    if (key !== "trustProxy" && key !== "keepAliveTimeout") unused.push(`server.${key}`);
  const prefix = root.get("url_prefix");
  if (typeof prefix === "string" && prefix !== "/" && !/^https?:/.test(prefix))
    unused.push("url_prefix");
  return unused;
}
