import { isReference, referenceScheme as scheme } from "../config/reference.ts";
import { CitadelError } from "../errors.ts";
import type { Vault, Which } from "./api.ts";
import { checkName, checkScope } from "./names.ts";

/** A secret that is named in a file: `citadel://scope/name[#field][@version]`. Safe to show. */
export interface Reference {
  readonly which: Required<Which>;
  /** member of the JSON object that the value is */
  readonly field?: string;
  /** the current one when there is none */
  readonly version?: number;
}

export { isReference };

/**
 * What a reference says. What would read as a part of it is percent-encoded: `%23` for #, `%40` for @.
 * @throws E_USAGE
 */
export function readReference(text: string): Reference {
  const [, scope, name, field, version] =
    /^citadel:\/\/([^/#@]+)\/([^#@]+)(?:#([^@]+))?(?:@([1-9]\d{0,8}))?$/.exec(text) ?? [];
  if (scope === undefined || name === undefined) throw wrong(text);
  try {
    return {
      which: { scope: checkScope(decode(scope)), name: checkName(decode(name), "secret") },
      ...(field !== undefined && { field: decode(field) }),
      ...(version !== undefined && { version: Number(version) }),
    };
  } catch (error) {
    throw error instanceof URIError ? wrong(text) : error;
  }
}

/** A reference to a secret, as {@link readReference} reads it. */
export const referenceTo = ({ scope, name }: Required<Which>): string =>
  `${scheme}${encode(scope ?? "")}/${encode(name)}`;

/**
 * The member of a value that is a JSON object: text as it is, anything else as JSON.
 * @throws E_USAGE when it is none, or has no such member
 */
export function fieldOf(value: Uint8Array, field: string, { which }: Reference): Buffer {
  const shown = `${which.scope}/${which.name}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value).toString());
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null || !Object.hasOwn(parsed, field))
    throw new CitadelError("E_USAGE", `the value of ${shown} is no JSON object with this field`, {
      hint: ["keep it as a JSON object, or take #… off the reference"],
    });
  const found = (parsed as Record<string, unknown>)[field];
  return Buffer.from(typeof found === "string" ? found : JSON.stringify(found));
}

/** The value that a reference names, once its access is on record. @throws E_USAGE, E_SECRET_NOT_FOUND, E_SECRET_GONE */
export async function readValueOf(vault: Vault, text: string): Promise<Buffer> {
  const reference = readReference(text);
  const { which, version, field } = reference;
  const { value } = await vault.get(which, {
    use: "run",
    ...(version !== undefined && { version }),
  });
  return field === undefined ? value : fieldOf(value, field, reference);
}

const decode = (text: string): string => decodeURIComponent(text);
const encode = (text: string): string =>
  text.replace(/[%#@?\s]/gu, (letter) => encodeURIComponent(letter));

// a mistake in a reference may be a value that was pasted in its place
const wrong = (text: string): CitadelError =>
  new CitadelError(
    "E_USAGE",
    `a text of ${text.length} letters begins with ${scheme} and is no reference`,
    { hint: [`write ${scheme}scope/name, ${scheme}scope/name#field or ${scheme}scope/name@3`] },
  );
