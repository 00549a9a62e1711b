import { anonymous, may } from "@citadel/core/access";
import { targetOf } from "@citadel/core/registry";
import { readAs, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { param, type Handler } from "./room.ts";
import { accessSchema, check } from "./schemas.ts";

/** `GET /-/package/<name>/visibility`: whether everybody may read it, rules of the place included. */
export const getVisibility: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry, access } = shared.citadel;
  const name = param(c, "name");
  const { state } = await readAs(shared, asked, (caller) => registry.document(name, caller));
  const target = targetOf(anonymous, name, state);
  return c.json({ public: may(anonymous, "read", target, await access.policy()) });
};

/** `GET /-/package/<name>/access` (pnpm) */
export const getAccess: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { state } = await readAs(shared, asked, (caller) =>
    shared.citadel.registry.document(param(c, "name"), caller),
  );
  return c.json({
    access: state.visibility ?? "public",
    publish_requires_tfa: state.tfa !== undefined,
    automation_token_overrides_tfa: state.tfa === "automation",
  });
};

/** `POST /-/package/<name>/access`: visibility, and whether a publish needs a one-time code. */
export const postAccess: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry } = shared.citadel;
  const name = param(c, "name");
  const caller = await signedIn(shared, asked);
  const body = check(accessSchema, await readJson(c.req.raw, 4096));
  if (body.access) await registry.setVisibility(name, body.access, caller);
  const { publish_requires_tfa: tfa, automation_token_overrides_tfa: automation } = body;
  if (tfa !== undefined)
    await registry.setTfa(name, tfa ? (automation ? "automation" : "publish") : "none", caller);
  return c.json({ ok: true });
};
