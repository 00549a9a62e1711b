import { CitadelError } from "../errors.ts";
import type { Environment } from "./environment.ts";
import type { SettingKey } from "./table.ts";

/** What several variables together say about one setting. */
export interface Derived {
  readonly key: SettingKey;
  readonly raw: unknown;
  /** the variable that gave rise to it */
  readonly variable: string;
}

/** Variables that only make sense together. `docs/configuration.md` names each. */
export const combined = [
  "DB_PATH",
  "REGISTRY_STORAGE_TYPE",
  "REGISTRY_STORAGE_PATH",
  "REGISTRY_S3_BUCKET",
  "REGISTRY_S3_REGION",
  "S3_BUCKET",
  "S3_ENDPOINT",
  "S3_REGION",
  "S3_ACCESS_KEY_ID",
  "S3_SECRET_ACCESS_KEY",
  "R2_REGISTRY_BUCKET",
  "R2_ACCOUNT_ID",
  "R2_ACCESS_KEY_ID",
  "R2_SECRET_ACCESS_KEY",
] as const;

type Variable = (typeof combined)[number];

/** Settings that follow from the {@link combined} variables. @throws E_CONFIG when a part is missing */
export function derive(env: Environment): Derived[] {
  const get = (name: Variable): string | undefined => env[name] || undefined;
  const found: Derived[] = [];
  const blobs = (variable: Variable, raw: string) =>
    found.push({ key: "store.blobs", raw, variable });

  const database = get("DB_PATH");
  if (database)
    found.push({ key: "store.documents", raw: `sqlite:${database}`, variable: "DB_PATH" });

  const type = get("REGISTRY_STORAGE_TYPE");
  const path = get("REGISTRY_STORAGE_PATH");
  const bucket = get("REGISTRY_S3_BUCKET");
  if (type && type !== "local" && type !== "s3")
    throw wrong("REGISTRY_STORAGE_TYPE", `is "${type}": expected one of local, s3`);
  if (!type && path && bucket)
    throw new CitadelError(
      "E_CONFIG",
      "REGISTRY_STORAGE_PATH and REGISTRY_S3_BUCKET disagree about store.blobs",
      { hint: ["say which with REGISTRY_STORAGE_TYPE=local or =s3, or unset one of them"] },
    );
  if (type === "s3" || (!type && bucket)) {
    if (!bucket) throw wrong("REGISTRY_S3_BUCKET", "is missing: REGISTRY_STORAGE_TYPE is s3");
    blobs("REGISTRY_S3_BUCKET", s3(bucket, get, get("REGISTRY_S3_REGION")));
  } else if (path) blobs("REGISTRY_STORAGE_PATH", `file:${path}`);

  const plain = get("S3_BUCKET");
  if (plain) blobs("S3_BUCKET", s3(plain, get, undefined));

  const r2 = get("R2_REGISTRY_BUCKET");
  if (r2) {
    const account = get("R2_ACCOUNT_ID");
    if (!account) throw wrong("R2_ACCOUNT_ID", "is missing: R2_REGISTRY_BUCKET is set");
    const url = bucketUrl("r2", r2, { account });
    blobs("R2_REGISTRY_BUCKET", withKeys(url, get, "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"));
  }
  return found;
}

type Get = (name: Variable) => string | undefined;

function s3(bucket: string, get: Get, region: string | undefined): string {
  const url = bucketUrl("s3", bucket, {
    endpoint: get("S3_ENDPOINT"),
    region: region ?? get("S3_REGION"),
  });
  return withKeys(url, get, "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY");
}

function bucketUrl(scheme: string, bucket: string, query: Record<string, string | undefined>): URL {
  const url = new URL(`${scheme}://${bucket}`);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url;
}

function withKeys(url: URL, get: Get, idName: Variable, secretName: Variable): string {
  const id = get(idName);
  const secret = get(secretName);
  if (id && !secret) throw wrong(secretName, `is missing: ${idName} is set`);
  if (secret && !id) throw wrong(idName, `is missing: ${secretName} is set`);
  url.username = encodeURIComponent(id ?? "");
  url.password = encodeURIComponent(secret ?? "");
  return url.href;
}

const wrong = (variable: Variable, what: string) =>
  new CitadelError("E_CONFIG", `${variable} ${what}`, {
    hint: [`set ${variable} right, or unset it`],
  });
