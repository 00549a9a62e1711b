import { damaged } from "./problems.ts";
import type { Schedule } from "./schedule.ts";
import { isValueType, type ValueType } from "./values/types.ts";

/** What holds for a secret, or for all of a scope; of both the stricter counts. */
export interface Retention {
  /** versions that are kept; older ones without a label are destroyed when another one comes */
  readonly maxVersions?: number;
  /** ms after which a version without a label is destroyed */
  readonly deleteAfter?: number;
  /** whoever sets a value has to name the version that it replaces */
  readonly casRequired?: boolean;
}

/** What is said of a secret: sealed like its values. */
export interface Meta extends Retention {
  readonly name: string;
  readonly type?: ValueType;
  /** what a check of the value found, such as the issuer of an API key */
  readonly detail?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  /** nobody reads it: who does is reported */
  readonly canary?: boolean;
  /** ms since 1970, by version */
  readonly expires?: Readonly<Record<string, number>>;
  /** versions by label, besides `current`, `previous` and `pending` */
  readonly labels?: Readonly<Record<string, number>>;
  readonly schedule?: Schedule;
}

/** What may be said anew; undefined leaves it, null takes it away. */
export type Description = {
  readonly [F in Exclude<keyof Meta, "name" | "expires" | "labels">]?: Meta[F] | null | undefined;
} & {
  /** of the version that comes with it, else of the current one: ms since 1970 */
  readonly expires?: number | null | undefined;
  /** label and its version */
  readonly label?: readonly [string, number | null];
};

/** The metadata with what is said anew. @param version that `expires` is about */
export function described(meta: Meta, said: Description, version: number): Meta {
  const { expires, label, ...plain } = said;
  const next: Record<string, unknown> = { ...meta };
  for (const [field, value] of Object.entries(plain))
    if (value === null) delete next[field];
    else if (value !== undefined) next[field] = value;
  if (expires !== undefined) next["expires"] = withEntry(meta.expires, String(version), expires);
  if (label) next["labels"] = withEntry(meta.labels, ...label);
  for (const field of ["expires", "labels"])
    if (Object.keys((next[field] as object | undefined) ?? {}).length === 0) delete next[field];
  return next as unknown as Meta;
}

const withEntry = (
  map: Readonly<Record<string, number>> = {},
  key: string,
  value: number | null,
): Record<string, number> => {
  const entries = Object.entries(map).filter(([one]) => one !== key);
  return Object.fromEntries(value === null ? entries : [...entries, [key, value]]);
};

/** What a sealed record says, when it has the form. @throws E_VAULT_DAMAGED */
export function readMeta(value: unknown): Meta {
  if (isMeta(value)) return value;
  throw damaged("what is said of a secret has another form");
}

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string" && value.length <= 4096;
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) > 0;
const isFlag: Check = (value) => typeof value === "boolean";
const isCounts: Check = (value) =>
  typeof value === "object" && value !== null && Object.values(value).every(isCount);
const shape: Readonly<Record<keyof Meta, Check>> = {
  name: isText,
  type: isValueType,
  detail: isText,
  description: isText,
  tags: (value) => Array.isArray(value) && value.every(isText),
  canary: isFlag,
  casRequired: isFlag,
  maxVersions: isCount,
  deleteAfter: isCount,
  expires: isCounts,
  labels: isCounts,
  schedule: (value) => isCount((value as Schedule | null)?.every),
};

function isMeta(value: unknown): value is Meta {
  if (typeof value !== "object" || value === null || !("name" in value)) return false;
  return Object.entries(value).every(
    ([field, one]) => Object.hasOwn(shape, field) && shape[field as keyof Meta](one),
  );
}
