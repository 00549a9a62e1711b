import { keyOf } from "./routes.ts";

interface Readers {
  /** groups that may read a package */
  readonly readers: readonly string[];
}
interface Shard {
  readonly tokens: readonly Token[];
}
interface Token {
  /** of the token, hex */
  readonly sha256: string;
  /** of its user */
  readonly groups: readonly string[];
  /** patterns of the names that it is good for; absent: all */
  readonly names?: readonly string[];
  /** ms since 1970 */
  readonly expires?: number;
}

/** Whether the token of a request may read a package that is not everybody's. */
export async function mayRead(
  request: Request,
  bucket: R2Bucket,
  prefix: string,
  name: string,
): Promise<boolean | "unknown token"> {
  const shown = request.headers.get("authorization");
  if (shown === null) return false;
  const [, secret] = /^Bearer ([\x21-\x7e]{1,1024})$/i.exec(shown) ?? [];
  const token = secret === undefined ? undefined : await find(secret, bucket, prefix);
  if (!token) return "unknown token";
  const { groups, names } = token;
  if (names && !names.some((pattern) => matches(pattern, name))) return false;
  const stored = await bucket.get(`${prefix}edge/private/${keyOf(name)}/readers.json`);
  const readers = stored ? (await stored.json<Readers>()).readers : [];
  return readers.some((group) => groups.includes(group));
}

/** Tokens are kept by their hash, and a place holds all that begin alike: neither the address nor the time tells one from another. */
async function find(secret: string, bucket: R2Bucket, prefix: string): Promise<Token | undefined> {
  const bytes = new TextEncoder().encode(secret);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const shard = await bucket.get(`${prefix}edge/tokens/${hex.slice(0, 3)}.json`);
  let found: Token | undefined;
  for (const token of shard ? (await shard.json<Shard>()).tokens : [])
    if (isSame(hex, token.sha256)) found = token;
  return found && (found.expires === undefined || found.expires > Date.now()) ? found : undefined;
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => new TextEncoder().encode(text));
  return (
    left !== undefined &&
    left.length === right?.length &&
    crypto.subtle.timingSafeEqual(left, right)
  );
}

/** `@acme/*` or a whole name. */
const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
