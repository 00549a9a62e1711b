import { CitadelError, parseDuration } from "@citadel/core";
import { alertNames, createSilences, silenceItem, type Silence } from "@citadel/core/alerts";
import { Hono } from "hono";
import * as z from "zod";
import { administrator } from "../context.ts";
import { readJson } from "../http/body.ts";
import { getPath } from "../npm/routes.ts";
import { param, type Env, type Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";
import { isoDate, monitorOf } from "./monitor.ts";

/** `/_api/performance/alerts`: what is wrong, and what nobody wants to hear of for a while, for administrators. */
export function alertRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_api/performance/alerts", getAlerts)
    .get("/_api/performance/alerts/silences", getSilences)
    .post("/_api/performance/alerts/silences", postSilence)
    .delete("/_api/performance/alerts/silences/:rule", deleteSilence);
}

const getAlerts: Handler = async (c) => {
  const { alerts, silences } = await monitorOf(c);
  const silenced = silences();
  return c.json({
    items: alerts.list().map(({ since, value = null, ...alert }) => ({
      ...{ ...alert, value },
      since: isoDate(since),
      silenced: untilOf(silenced.get(alert.rule)),
    })),
  });
};

const getSilences: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const items = await createSilences(c.env.shared.citadel.store.driver).list();
  return c.json({ items: items.map(silenceItem) });
};

const postSilence: Handler = async (c) => {
  const { shared, asked } = c.env;
  const { principal } = await administrator(shared, asked);
  const { rule, lasting, reason } = check(silenceSchema, await readJson(c.req.raw, 4096));
  const silences = createSilences(shared.citadel.store.driver);
  const made = await silences.add(rule, lasting, reason, principal.name);
  await shared.monitor.look();
  return c.json(silenceItem(made), 201);
};

const deleteSilence: Handler = async (c) => {
  const { shared, asked } = c.env;
  await administrator(shared, asked);
  const rule = alertNames.find((name) => name === param(c, "rule"));
  if (!rule || !(await createSilences(shared.citadel.store.driver).remove(rule)))
    throw new CitadelError("E_NOT_FOUND", "this alert is not silenced");
  await shared.monitor.look();
  return c.body(null, 204);
};

const untilOf = (silence: Silence | undefined): string | null =>
  silence ? isoDate(silence.until) : null;

const silenceSchema = z
  .strictObject({
    rule: z.enum(alertNames),
    /** `2h`, or ms */
    for: z.union([z.string(), z.number()]).transform((value, context) => {
      const ms = parseDuration(value);
      if (ms === undefined) context.addIssue("is no duration such as 2h");
      return ms ?? 0;
    }),
    reason: z.string().min(1).max(200).default("by an administrator"),
  })
  .transform(({ for: lasting, ...rest }) => ({ ...rest, lasting }));
