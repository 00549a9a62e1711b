import { countedClient } from "@citadel/core/access";
import { callerOf } from "../context.ts";
import { readText } from "../http/body.ts";
import type { Handler } from "../npm/room.ts";
import { askingOf } from "./asking.ts";
import { addressesOf } from "./second-factor.ts";

/** log-ins that one address may begin in a quarter of an hour */
const mostBegun = 100;

/** `POST /-/v1/login`: begins a log-in in the browser. The body may name the machine, or be missing. */
export const postLogin: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const client = countedClient(shared.guard.client(asked));
  if (client !== undefined)
    await shared.limiter.take([{ key: `login:${client}`, most: mostBegun }]);
  const asking = askingOf(shared, asked, hostnameOf(await readText(c.req.raw, 4096)));
  const { id, poll } = await shared.approvals.open({
    asking: { ...asking, command: asking.command || "login" },
  });
  const { authUrl, doneUrl } = addressesOf(site.base, id, poll);
  return c.json({ loginUrl: authUrl, doneUrl });
};

/** `GET /-/v1/done?id=…&poll=…`: 202 while nobody has answered; then, once, a token or a one-time password. */
export const getDone: Handler = async (c) => {
  const { asked, shared } = c.env;
  // who logs in again may still show a token that has died
  const caller = await callerOf(shared, asked).catch(() => undefined);
  const { id = "", poll = "" } = c.req.query();
  const answer = await shared.approvals.poll(id, poll, caller?.principal.token ?? "");
  if (!answer) return c.json({}, 202, { "retry-after": "1" });
  if ("code" in answer) return c.json({ token: answer.code });
  const address = shared.guard.client(asked);
  const who = { name: answer.user, via: "npm", ...(address !== undefined && { address }) } as const;
  const { token } = await shared.citadel.accounts.session(answer.user, who);
  return c.json({ token });
};

function hostnameOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { hostname?: unknown } | null)?.hostname;
  } catch {
    return undefined;
  }
}
