/** How a text begins that names a secret of the vault in its place: `citadel://scope/name`, see `vault/reference.ts`. */
export const referenceScheme = "citadel://";

export const isReference = (text: string): boolean => text.startsWith(referenceScheme);

/**
 * The value that a reference names, read from the vault when it is asked for.
 * @param where which setting or variable says so, for errors
 * @throws what the vault throws
 */
export type Secret = (reference: string, where: string) => Promise<string>;

/** Parts of a URL where secrets are; each is a reference as a whole, percent-encoded. */
const parts = ["username", "password"] as const;

/** Whether an address is a reference, or has one as its user, password or a value of its query. */
export function holdsReference(address: string): boolean {
  if (isReference(address)) return true;
  const url = URL.parse(address);
  return (
    url !== null &&
    [...parts.map((part) => decoded(url[part])), ...url.searchParams.values()].some(isReference)
  );
}

/** The address with secrets in the place of their references. @throws what the vault throws */
export async function withSecrets(address: string, where: string, secret: Secret): Promise<string> {
  if (!holdsReference(address)) return address;
  if (isReference(address)) return secret(address, where);
  const url = new URL(address);
  for (const part of parts) {
    const text = decoded(url[part]);
    if (isReference(text)) url[part] = encodeURIComponent(await secret(text, where));
  }
  for (const [name, text] of [...url.searchParams])
    if (isReference(text)) url.searchParams.set(name, await secret(text, where));
  return url.href;
}

/** A text that is there, or one that is read when it is needed. */
export type Later = string | (() => Promise<string>);

export const later = (text: string, where: string, secret: Secret): Later =>
  isReference(text) ? () => secret(text, where) : text;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
