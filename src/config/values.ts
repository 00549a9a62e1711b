import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isReference } from "./reference.ts";
import type { Freshness } from "./settings.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

/** How the values of a setting look. */
export interface ValueType<T> {
  /** ends the sentence "expected …" */
  readonly allowed: string;
  /** The value, undefined when `raw` (text, or JSON from a file) is not allowed. Relative paths start at `base`. */
  parse(raw: unknown, base: string): T | undefined;
  /** for people @default JSON-like text */
  format?(value: T): string;
  /** a wrong value is not repeated in the error: a secret may stand in it */
  readonly secret?: true;
}

export const size: ValueType<number> = {
  allowed: "a size such as 100MB or 64MiB",
  parse: parseSize,
  format: formatSize,
};

export const duration: ValueType<number> = {
  allowed: "a duration such as 48h or 15min",
  parse: parseDuration,
  format: formatDuration,
};

export const integer = (least: number, most: number): ValueType<number> => ({
  allowed: `a whole number from ${least} to ${most}`,
  parse(raw) {
    const value = typeof raw === "string" && /^\d+$/.test(raw.trim()) ? Number(raw) : raw;
    return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
      ? Number(value)
      : undefined;
  },
  format: String,
});

export const ratio: ValueType<number> = {
  allowed: "a number from 0 to 1",
  parse(raw) {
    const value = typeof raw === "string" && /^[\d.]+$/.test(raw.trim()) ? Number(raw) : raw;
    return typeof value === "number" && value >= 0 && value <= 1 ? value : undefined;
  },
  format: String,
};

export const text: ValueType<string> = {
  allowed: "text",
  parse: (raw) => (typeof raw === "string" ? raw : undefined),
};

/** A path; a relative one starts where its file lies. */
export const folder: ValueType<string> = {
  allowed: "a folder",
  parse: (raw, base) => (typeof raw === "string" && raw !== "" ? resolve(base, raw) : undefined),
};

/** The same of a file. */
export const file: ValueType<string> = { ...folder, allowed: "a file" };

export const choice = <const T extends string>(...options: readonly T[]): ValueType<T> => ({
  allowed: `one of ${options.join(", ")}`,
  parse: (raw) => options.find((option) => option === raw),
});

export const flag: ValueType<boolean> = {
  allowed: "true or false",
  parse: (raw) => ({ true: true, false: false })[String(raw)],
};

/** How old an answer may be: `strict`, `bounded=<duration>`, or what suits the store. In code a bound is its ms. */
export const freshness: ValueType<Freshness> = {
  allowed: "auto, strict or a bound such as bounded=1000 or bounded=5s",
  parse(raw) {
    if (raw === "auto" || raw === "strict") return raw;
    const [, bound] = /^bounded=(.+)$/.exec(String(raw)) ?? [];
    const ms = bound === undefined ? undefined : parseDuration(bound);
    return ms !== undefined && ms > 0 ? ms : undefined;
  },
  format: (value) => (typeof value === "number" ? `bounded=${value}` : value),
};

/** A JSON array, or text with commas or spaces between the items. */
export const list = <T>(item: ValueType<T>): ValueType<readonly T[]> => ({
  allowed: `a list, each ${item.allowed}`,
  parse(raw, base) {
    const items = typeof raw === "string" ? raw.split(/[\s,]+/).filter(Boolean) : raw;
    if (!Array.isArray(items)) return undefined;
    const values = items.map((one) => item.parse(one, base));
    return values.includes(undefined) ? undefined : (values as T[]);
  },
  format: (values) => values.join(", "),
});

/** URL of a store. Paths of `file:` and `sqlite:` become absolute: `sqlite:./a b.db` is `sqlite:///…/a%20b.db`. */
export const storeUrl: ValueType<string> = {
  allowed: "a store's URL such as sqlite:./registry.db, file:./blobs or memory:",
  parse(raw, base) {
    if (typeof raw !== "string") return undefined;
    const [, scheme, rest = ""] = /^([a-z][a-z0-9+.-]+):(.*)$/.exec(raw.trim()) ?? [];
    if (scheme !== "file" && scheme !== "sqlite")
      return scheme && URL.canParse(raw) ? raw.trim() : undefined;
    const [, path = "", query = ""] = /^([^?]*)(\?.*)?$/.exec(rest) ?? [];
    if (path === "") return undefined;
    const absolute = path.startsWith("//") ? ofUrl(path) : resolve(base, path);
    return absolute && pathToFileURL(absolute).href.replace(/^file/, scheme) + query;
  },
};

function ofUrl(path: string): string | undefined {
  try {
    // four slashes, as SQLAlchemy writes absolute paths, mean the same
    return fileURLToPath(`file:${path.replace(/^\/{3,}/, "///")}`);
  } catch {
    return undefined;
  }
}

/** Public address of a server; gets a trailing slash. */
export const publicUrl: ValueType<string> = {
  allowed: "an address such as https://npm.example.org/",
  parse(raw) {
    if (typeof raw !== "string" || !URL.canParse(raw)) return undefined;
    const url = new URL(raw);
    const plain = !url.username && !url.password && !url.search && !url.hash;
    if (!/^https?:$/.test(url.protocol) || !plain) return undefined;
    return url.href.endsWith("/") ? url.href : `${url.href}/`;
  },
};

/** Scheme, host and port of a web site, as browsers send it. */
export const origin: ValueType<string> = {
  allowed: "an origin such as https://tools.example.org",
  parse: (raw) =>
    typeof raw === "string" && URL.canParse(raw) && new URL(raw).origin === raw ? raw : undefined,
};

/** A name in the form of an address, kept as it is written: `iss` of a JWT. */
export const issuerUrl: ValueType<string> = {
  allowed: "an address such as https://npm.example.org/_auth",
  parse: (raw) =>
    typeof raw === "string" && /^https?:\/\/[^?#\s]+$/.test(raw) && URL.canParse(raw)
      ? raw
      : undefined,
};

/** Headers with what they hold, `name=value,name=value` with percent signs as OpenTelemetry has them, or an object. */
export const headers: ValueType<readonly { readonly name: string; readonly secret: string }[]> = {
  secret: true,
  allowed: "headers such as authorization=Bearer%20...,x-tenant=ops",
  parse(raw) {
    const pairs = typeof raw === "string" ? pairsOf(raw) : raw;
    if (typeof pairs !== "object" || pairs === null) return undefined;
    // a list is how they are written down again
    const list: readonly unknown[] = Array.isArray(pairs)
      ? pairs
      : Object.entries(pairs).map(([name, secret]) => ({ name, secret }));
    const found = list.map(headerOf);
    return found.every((one) => one !== undefined) ? found : undefined;
  },
  format: (values) => values.map(({ name }) => `${name}=***`).join(", "),
};

function pairsOf(text: string): unknown {
  const pairs = text.split(",").filter((one) => one.trim() !== "");
  try {
    return pairs.map((pair) => {
      const at = pair.indexOf("=");
      return {
        name: pair.slice(0, Math.max(0, at)),
        secret: decodeURIComponent(pair.slice(at + 1)),
      };
    });
  } catch {
    return undefined;
  }
}

function headerOf(raw: unknown): { readonly name: string; readonly secret: string } | undefined {
  const { name: given, secret } = (raw ?? {}) as {
    readonly name?: unknown;
    readonly secret?: unknown;
  };
  if (typeof given !== "string" || typeof secret !== "string") return undefined;
  const name = given.trim().toLowerCase();
  const value = secret.trim();
  // what a request consists of is ours
  const fits = /^(?!host$|content-|connection$|transfer-encoding$)[\w!#$%&'*+.^`|~-]+$/.test(name);
  return fits && /^[\x20-\x7e]+$/.test(value) ? { name, secret: value } : undefined;
}

export const redisUrl: ValueType<string> = {
  allowed: "an address such as redis://localhost:6379",
  parse: (raw) =>
    typeof raw === "string" && (/^rediss?:\/\//.test(raw) || isReference(raw)) && URL.canParse(raw)
      ? raw
      : undefined,
};

/** A host name or address, in lower case, without port. */
export const hostName: ValueType<string> = {
  allowed: "a host name or address without port",
  parse(raw) {
    if (typeof raw !== "string") return undefined;
    const name = raw
      .trim()
      .toLowerCase()
      .replace(/^\[(.*)\]$/, "$1");
    return isAddress(name) || /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(name) ? name : undefined;
  },
};

/** Addresses as `10.0.0.0/8`; a single address is a block of one. */
export const cidr: ValueType<string> = {
  allowed: "a block of addresses such as 10.0.0.0/8",
  parse(raw) {
    if (typeof raw !== "string") return undefined;
    const [address = "", bits, ...more] = raw.trim().split("/");
    const family = isAddress(address);
    if (!family || more.length > 0) return undefined;
    const most = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : integer(0, most).parse(bits, "");
    return prefix === undefined ? undefined : `${address}/${prefix}`;
  },
};

/** 4, 6, or 0 for no address. Loaded when first asked: most command lines name no address. */
const isAddress = (text: string): number => process.getBuiltinModule("node:net").isIP(text);
