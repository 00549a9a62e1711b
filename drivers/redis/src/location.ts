import { StoreError } from "@citadel/core/driver";

/** What a `redis:` or `rediss:` URL says. */
export interface Location {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** path of a PEM file with the authorities to trust instead of the usual ones */
  readonly ca: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** tells the stores of one server apart */
  readonly name: string;
  /** ms that a call may take unless its caller says */
  readonly timeoutMs: number;
  /** host and port, for messages: never the password */
  readonly label: string;
}

/** Reads `redis[s]://[user[:password]@]host[:port][/database][/name][?db=&name=&timeout=&ca=]`. Throws INVALID. */
export function location(url: URL): Location {
  const label = `${url.hostname || "127.0.0.1"}:${url.port || "6379"}`;
  const invalid = (why: string): StoreError =>
    new StoreError("INVALID", `${url.protocol}//${label}: ${why}`);
  const options = new Map(url.searchParams);
  const option = (name: string): string | undefined => {
    const value = options.get(name);
    options.delete(name);
    return value;
  };
  const number = (what: string, text: string, least: number): number => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < least) throw invalid(`${what} is a number`);
    return Number(text);
  };

  const path = url.pathname.split("/").filter((part) => part !== "");
  const first = /^\d+$/.test(path[0] ?? "") ? path.shift() : undefined;
  const database = number("db", option("db") ?? first ?? "0", 0);
  const name = option("name") ?? path.shift() ?? "default";
  const timeoutMs = number("timeout", option("timeout") ?? "5000", 1);
  const ca = option("ca");
  if (path.length > 0) throw invalid("the path is /name, /database or /database/name");
  if (!/^[\w.-]{1,64}$/.test(name))
    throw invalid("the name of a store has up to 64 letters, digits, dots, dashes and underscores");
  if (ca !== undefined && url.protocol !== "rediss:") throw invalid("ca is for rediss: only");
  for (const other of options.keys()) throw invalid(`there is no option "${other}"`);
  return {
    host: url.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
    port: Number(url.port || 6379),
    tls: url.protocol === "rediss:",
    ca,
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    database,
    name,
    timeoutMs,
    label,
  };
}
