import { resolve } from "node:path";
import { isPattern } from "../patterns.ts";
import { isReference } from "./reference.ts";
import type { UpstreamSetting } from "./settings.ts";
import { duration, hostName, list, publicUrl, type ValueType } from "./values.ts";

type Raw = Readonly<Record<string, unknown>>;

const known = new Set([
  ...["name", "url", "packages", "token", "tokenFile", "username", "password", "hosts"],
  ...["freshness", "timeouts"],
]);
const phases = ["connect", "first", "idle", "whole"] as const;

/** Other registries, as a list of objects, as JSON text of one, or as a single address that has every package. */
export const upstreams: ValueType<readonly UpstreamSetting[]> = {
  secret: true,
  allowed: 'a list such as [{ name: "npm", url: "https://registry.example/", packages: ["*"] }]',
  parse(raw, base) {
    const items = typeof raw === "string" ? ofText(raw.trim()) : raw;
    if (!Array.isArray(items)) return undefined;
    const parsed = items.map((item) => (isObject(item) ? upstream(item, base) : undefined));
    const found = parsed.filter((one) => one !== undefined);
    const names = new Set(found.map(({ name }) => name));
    return names.size === items.length ? found : undefined;
  },
  format: (values) =>
    values.map(({ name, url, packages }) => `${name} ${url} (${packages.join(", ")})`).join(", "),
};

/** A pattern of package names, see `patterns.ts`. */
export const namePattern: ValueType<string> = {
  allowed: "a package name, a beginning such as @acme/* or *",
  parse: (raw) => (isPattern(raw) ? raw : undefined),
};

function ofText(text: string): unknown {
  if (!text.startsWith("[")) return [{ name: "upstream", url: text }];
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function upstream(raw: Raw, base: string): UpstreamSetting | undefined {
  const { name, packages = ["*"], hosts = [], freshness = "5min" } = raw;
  const url = publicUrl.parse(raw["url"], base);
  const patterns = list(namePattern).parse(packages, base);
  const others = list(hostName).parse(hosts, base);
  const fresh = duration.parse(freshness, base);
  const timeouts = timeoutsOf(raw["timeouts"] ?? {});
  const credentials = credentialsOf(raw, base);
  const named = typeof name === "string" && /^[a-z0-9][a-z0-9-]{0,39}$/.test(name);
  if (!named || !url || !patterns || !others || fresh === undefined || !timeouts || !credentials)
    return undefined;
  if (patterns.length === 0 || Object.keys(raw).some((key) => !known.has(key))) return undefined;
  return {
    name,
    url,
    packages: patterns,
    hosts: others,
    freshness: fresh,
    timeouts,
    ...credentials,
  };
}

/** At most one of a token, a file that holds one, and a name with a password. */
function credentialsOf(
  { token, tokenFile, username, password }: Raw,
  base: string,
):
  | Pick<
      UpstreamSetting,
      "authorization" | "tokenFile" | "tokenReference" | "username" | "passwordReference"
    >
  | undefined {
  const given = [token, tokenFile, username ?? password].filter((one) => one !== undefined);
  if (given.length === 0) return {};
  if (given.length > 1) return undefined;
  if (typeof token === "string" && isReference(token)) return { tokenReference: token };
  if (isSecret(token)) return { authorization: `Bearer ${token}` };
  if (typeof tokenFile === "string" && tokenFile !== "")
    return { tokenFile: resolve(base, tokenFile) };
  if (!isSecret(username) || !isSecret(password) || username.includes(":")) return undefined;
  if (isReference(password)) return { username, passwordReference: password };
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

function timeoutsOf(raw: unknown): UpstreamSetting["timeouts"] | undefined {
  if (!isObject(raw)) return undefined;
  const timeouts: { [phase in (typeof phases)[number]]?: number } = {};
  for (const [key, value] of Object.entries(raw)) {
    const phase = phases.find((one) => one === key);
    const ms = duration.parse(value, "");
    if (!phase || ms === undefined || ms < 1 || ms > 3_600_000) return undefined;
    timeouts[phase] = ms;
  }
  return timeouts;
}

/** What may stand in a header. */
const isSecret = (value: unknown): value is string =>
  typeof value === "string" && /^[\x21-\x7e]+$/.test(value);

const isObject = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);
