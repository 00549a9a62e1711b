import type { ValueType } from "../config/values.ts";
import type { Issuer } from "./types.ts";

/** The public services. They are issuers of tokens, not registries: nothing but their public keys is ever asked of them. */
export const presets: readonly Issuer[] = [
  { name: "github", type: "github", issuer: "https://token.actions.githubusercontent.com" },
  { name: "gitlab", type: "gitlab", issuer: "https://gitlab.com" },
  {
    name: "circleci",
    type: "circleci",
    issuer: "https://oidc.circleci.com/org/{oidc.circleci.com/org-id}",
  },
];

const types: ReadonlySet<unknown> = new Set(["github", "gitlab", "circleci", "generic"]);
const fields: ReadonlySet<string> = new Set([
  "name",
  "type",
  "issuer",
  "audience",
  "claims",
  "private",
]);

/** A list of issuers: names of presets, and objects. In a variable it is words, or JSON. */
export const issuerList: ValueType<readonly Issuer[]> = {
  allowed:
    'a list of github, gitlab, circleci and { name, issuer, type?, audience?, claims?, private? }, issuer an https URL (http with "private: true")',
  parse(raw) {
    const items = typeof raw === "string" ? itemsOf(raw) : raw;
    if (!Array.isArray(items)) return undefined;
    const issuers = items.map(issuerOf);
    const names = new Set(issuers.map((issuer) => issuer?.name));
    return issuers.includes(undefined) || names.size < issuers.length
      ? undefined
      : (issuers as Issuer[]);
  },
  format: (issuers) => issuers.map(({ name, issuer }) => `${name} (${issuer})`).join(", "),
};

function itemsOf(text: string): unknown {
  if (!text.trimStart().startsWith("[")) return text.split(/[\s,]+/).filter(Boolean);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function issuerOf(item: unknown): Issuer | undefined {
  if (typeof item === "string") return presets.find(({ name }) => name === item);
  if (typeof item !== "object" || item === null || Array.isArray(item)) return undefined;
  const { name, issuer, audience, claims, ...rest } = item as Record<string, unknown>;
  const { type = presets.find((preset) => preset.name === name)?.type ?? "generic" } = rest;
  const hidden = rest["private"] ?? false;
  if (Object.keys(item).some((field) => !fields.has(field))) return undefined;
  if (typeof name !== "string" || !/^[a-z\d][a-z\d-]{0,39}$/.test(name)) return undefined;
  if (!types.has(type) || typeof hidden !== "boolean") return undefined;
  if (typeof issuer !== "string" || !isIssuer(issuer, hidden)) return undefined;
  if (audience !== undefined && (typeof audience !== "string" || audience === "")) return undefined;
  if (claims !== undefined && !isTexts(claims)) return undefined;
  return {
    name,
    type: type as Issuer["type"],
    issuer,
    ...(audience === undefined ? {} : { audience }),
    ...(claims === undefined ? {} : { claims }),
    ...(hidden ? { private: true } : {}),
  };
}

function isIssuer(text: string, hidden: boolean): boolean {
  const url = text.replaceAll(/\{[^{}]+\}/g, "x");
  if (!URL.canParse(url)) return false;
  const { protocol, username, password, search, hash } = new URL(url);
  const plain = username + password + search + hash === "";
  return plain && (protocol === "https:" || (hidden && protocol === "http:"));
}

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === "object" &&
  value !== null &&
  Object.values(value).every((item) => typeof item === "string");
