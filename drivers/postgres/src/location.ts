import { StoreError } from "@citadel/core/driver";

/** What a `postgres:` URL says. */
export interface Location {
  /** the URL for the client library: host, user, password, database, TLS */
  readonly connection: string;
  readonly schema: string;
  /** put before the name of each table */
  readonly prefix: string;
  /** connections at most, besides the one that listens */
  readonly pool: number;
  /** ms that a call may take unless its caller says */
  readonly timeoutMs: number;
  /** host, port and database, for messages: never the password */
  readonly label: string;
}

const passed = ["host", "port", "user", "password", "application_name", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslnegotiation"]; // prettier-ignore

/**
 * Reads `postgres://[user[:password]@]host[:port]/database[?schema=&prefix=&pool=&timeout=&sslmode=&sslrootcert=…]`.
 * Throws INVALID.
 */
export function location(url: URL): Location {
  const options = new Map(url.searchParams);
  const host = options.get("host") ?? (url.hostname || "localhost");
  const port = options.get("port") ?? (url.port || "5432");
  const database = decodeURIComponent(url.pathname.slice(1));
  const label = `${host}:${port}/${database}`;
  const invalid = (why: string): StoreError =>
    new StoreError("INVALID", `${url.protocol}//${label}: ${why}`);
  const option = (name: string, pattern: RegExp, otherwise: string, what: string): string => {
    const value = options.get(name) ?? otherwise;
    options.delete(name);
    if (!pattern.test(value)) throw invalid(`${name} is ${what}`);
    return value;
  };
  const name = "up to 40 small letters, digits and underscores";
  const schema = option("schema", /^[a-z_][a-z0-9_]{0,39}$/, "citadel", name);
  const prefix = option("prefix", /^[a-z0-9_]{0,40}$/, "", name);
  const pool = Number(option("pool", /^[1-9]\d{0,2}$/, "8", "a number of connections"));
  const timeoutMs = Number(option("timeout", /^[1-9]\d{0,7}$/, "5000", "a number of ms"));
  if (database === "") throw invalid("it needs a database, as in postgres://host/citadel");
  for (const other of options.keys())
    if (!passed.includes(other)) throw invalid(`there is no option "${other}"`);

  const connection = new URL(url);
  for (const own of ["schema", "prefix", "pool", "timeout"]) connection.searchParams.delete(own);
  // sslmode as PostgreSQL's own programs have it
  if (options.has("sslmode")) connection.searchParams.set("uselibpqcompat", "true");
  return { connection: connection.href, schema, prefix, pool, timeoutMs, label };
}
