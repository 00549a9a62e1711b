import { CitadelError, errorCode, logger } from "@citadel/core";
import { countedClient } from "@citadel/core/access";
import type { Asker, Vault } from "@citadel/core/vault";
import { Hono } from "hono";
import { param, type Env, type Handler, type Visit } from "../npm/room.ts";
import { getPath } from "../npm/routes.ts";
import { askerOf } from "./asker.ts";

/** What somebody may ask for in a quarter of an hour that they do not get, and an address. */
const most = { caller: 30, client: 60 };
const log = logger("broker");

/** `/_secrets`: values for those who hold no key of the vault, as its rules say. There only where the setting says so. */
export function secretRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_secrets/:scope", listSecrets)
    .get("/_secrets/:scope/:name{.+}", getSecret);
}

/** `GET /_secrets/<scope>`: names that the caller may know of */
const listSecrets: Handler = async (c) =>
  asking(c.env, async (vault, asker) => {
    const scope = param(c, "scope");
    const items = await vault.lendable(scope, asker);
    return c.json({ items: items.map((name) => ({ scope, name })) }, 200, unkept);
  });

/** `GET /_secrets/<scope>/<name>[?version=<n>|?label=<word>]`: the value as it is; with `accept: application/json` what belongs to it too */
const getSecret: Handler = async (c) =>
  asking(c.env, async (vault, asker) => {
    const which = { scope: param(c, "scope"), name: param(c, "name") };
    const label = c.req.query("label");
    const read = await vault.lend(which, asker, {
      ...versionOf(c.req.query("version")),
      ...(label !== undefined && { label }),
    });
    const { value, ...about } = read;
    const headers = { ...unkept, "x-citadel-version": String(read.version) };
    if (!(c.env.asked.header("accept") ?? "").includes("application/json")) {
      const bytes = new Uint8Array(value);
      value.fill(0);
      return c.body(bytes, 200, {
        ...headers,
        "content-type": "application/octet-stream",
        "content-length": String(bytes.byteLength),
      });
    }
    const text = value.toString();
    const encoding = Buffer.from(text).equals(value) ? "utf8" : "base64";
    const said = encoding === "utf8" ? text : value.toString("base64");
    value.fill(0);
    return c.json({ ...about, value: said, encoding }, 200, headers);
  });

const unkept = { "cache-control": "no-store", vary: "authorization, accept" };

/**
 * Lets a caller ask. What is refused counts, so that nobody tries many names; the vault keeps what it denied.
 * @throws E_NOT_FOUND where there is no broker, E_BROKER when the vault does not open here, E_RATE_LIMIT
 */
async function asking(
  visit: Visit,
  work: (vault: Vault, asker: Asker) => Promise<Response>,
): Promise<Response> {
  const { shared, asked, site } = visit;
  if (!shared.citadel.settings.secrets.broker)
    throw new CitadelError("E_NOT_FOUND", "there is nothing at this address");
  if (asked.method !== "GET")
    throw new CitadelError("E_BAD_REQUEST", "a secret is asked for with GET");
  shared.guard.sameOrigin(asked, site);
  const client = countedClient(shared.guard.client(asked));
  const counted = client === undefined ? [] : [{ key: `broker ${client}`, most: most.client }];
  const back = [await shared.limiter.take(counted)];
  try {
    const asker = await askerOf(visit);
    back.push(await shared.limiter.take([{ key: `broker ${asker.who}`, most: most.caller }]));
    const answer = await shared.vault((vault) => work(vault, asker));
    await Promise.all(back.map((undo) => undo()));
    return answer;
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (!guesses.has(code)) await Promise.all(back.map((undo) => undo()));
    if (code !== "E_VAULT_LOCKED" && code !== "E_VAULT_NOT_FOUND") throw error;
    log("the vault does not open here", { error });
    throw new CitadelError("E_BROKER", "the vault does not open on this server", { cause: error });
  }
}

/** What somebody hears who tries names or tokens. */
const guesses: ReadonlySet<string> = new Set([
  ...["E_SECRET_DENIED", "E_SECRET_NOT_FOUND", "E_SECRET_GONE", "E_INVALID_SECRET"],
  ...["E_AUTH_INVALID", "E_TRUST_REFUSED", "E_FORBIDDEN", "E_BAD_REQUEST"],
]);

function versionOf(text: string | undefined): { version?: number } {
  if (text === undefined) return {};
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new CitadelError("E_BAD_REQUEST", "a version is a number such as 3");
  return { version: Number(text) };
}
