import type { Json } from "../../registry/types.ts";
import type { Description } from "../meta.ts";
import { isValueType } from "../values/types.ts";
import { checked, invalid, mostText, type Item } from "./item.ts";

/** What an age bundle says about itself. */
const format = "citadel-secrets";
const version = 1;

/** The plain content of a bundle: every value of every secret, base64. */
export function writeBundle(items: readonly Item[], exportedAt: Date): Buffer {
  const secrets = items.map(({ scope, name, values, said }) => ({
    ...{ scope, name, ...said },
    values: values.map((value) => value.toString("base64")),
  }));
  const head = { format, version, exportedAt: exportedAt.toISOString() };
  return Buffer.from(`${JSON.stringify({ ...head, secrets }, null, 1)}\n`);
}

/** @throws E_INVALID_DOCUMENT */
export function readBundle(bytes: Uint8Array): Item[] {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw invalid("the bundle holds no JSON", error);
  }
  const { format: is, version: v, secrets } = (read ?? {}) as Record<string, unknown>;
  if (is !== format) throw invalid("the age file is no bundle of secrets");
  if (v !== version) throw invalid("the bundle was written by another version of citadel");
  if (!Array.isArray(secrets)) throw invalid("the bundle has another form");
  return checked(secrets.map(itemOf));
}

function itemOf(one: unknown): Item {
  const { scope, name, values, type, description, tags, canary, expires } = (one ?? {}) as Record<
    string,
    Json
  >;
  const whole =
    typeof scope === "string" &&
    typeof name === "string" &&
    Array.isArray(values) &&
    values.length > 0 &&
    (type === undefined || isValueType(type)) &&
    (description === undefined || typeof description === "string") &&
    (tags === undefined || (Array.isArray(tags) && tags.every((tag) => typeof tag === "string"))) &&
    (canary === undefined || canary === true) &&
    (expires === undefined || Number.isSafeInteger(expires));
  if (!whole) throw invalid("a secret of the bundle has another form");
  const said = { type, description, tags, canary, expires };
  return {
    ...{ scope, name, values: values.map(base64) },
    said: Object.fromEntries(
      Object.entries(said).filter(([, value]) => value !== undefined),
    ) as Description,
  };
}

function base64(text: Json): Buffer {
  const value = typeof text === "string" ? Buffer.from(text, "base64") : undefined;
  if (!value || value.toString("base64") !== text || value.length > mostText)
    throw invalid("a value of the bundle is not base64");
  return value;
}
