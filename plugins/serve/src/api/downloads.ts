import { CitadelError, errorCode } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { dayOf } from "@citadel/core/counts";
import { Hono } from "hono";
import { callerOf } from "../context.ts";
import { param, type Env, type Handler, type Visit } from "../npm/room.ts";
import { getPath } from "../npm/routes.ts";

const dayLong = 86_400_000;
/** days of a period at most: 18 months */
const longest = 549;
/** names in one request */
const most = 128;
const named: Readonly<Record<string, number>> = {
  "last-day": 1,
  "last-week": 7,
  "last-month": 30,
  "last-year": 365,
};

/** npm's public download counts, of this registry: `/downloads/point`, `/downloads/range`, `/versions/<name>/last-week`. */
export function downloadRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/downloads/:form{point|range}/:period", getAll)
    .get("/downloads/:form{point|range}/:period/:names{.+}", getSome)
    .get("/versions/:name{.+}/last-week", getVersions);
}

interface Period {
  readonly start: string;
  readonly end: string;
}

/** Everything that the caller may read, together. */
const getAll: Handler = async (c) => {
  const { shared } = c.env;
  const caller = await callerOf(shared, c.env.asked);
  const period = periodOf(param(c, "period"));
  const days = new Map<string, number>();
  const readable = reader(c.env, caller);
  for await (const { day, counts } of shared.citadel.downloads.read(period.start, period.end))
    for (const [name, versions] of counts)
      if (await readable(name)) days.set(day, (days.get(day) ?? 0) + sumOf(versions));
  return c.json(formOf(param(c, "form"), period, days));
};

/** One package, or several, separated by commas: then an object of all, null for those that are not there. */
const getSome: Handler = async (c) => {
  const { shared } = c.env;
  const caller = await callerOf(shared, c.env.asked);
  const period = periodOf(param(c, "period"));
  const text = param(c, "names");
  const names = [...new Set(text.split(","))];
  if (names.length > most) throw bad(`at most ${most} packages can be asked for at once`);
  const readable = reader(c.env, caller);
  const found = new Map<string, Map<string, number>>();
  for (const name of names) if (await readable(name)) found.set(name, new Map());
  if (!text.includes(",") && found.size === 0) throw notFound(text);
  for await (const { day, counts } of shared.citadel.downloads.read(period.start, period.end))
    for (const [name, days] of found) {
      const versions = counts.get(name);
      if (versions) days.set(day, sumOf(versions));
    }
  const form = param(c, "form");
  const answer = (name: string): object | null => {
    const days = found.get(name);
    return days ? { ...formOf(form, period, days), package: name } : null;
  };
  if (!text.includes(",")) return c.json(answer(text));
  return c.json(Object.fromEntries(names.map((name) => [name, answer(name)])));
};

/** `GET /versions/<name>/last-week` */
const getVersions: Handler = async (c) => {
  const { shared } = c.env;
  const name = param(c, "name");
  const caller = await callerOf(shared, c.env.asked);
  if (!(await reader(c.env, caller)(name))) throw notFound(name);
  const { start, end } = periodOf("last-week");
  const downloads: Record<string, number> = {};
  for await (const { counts } of shared.citadel.downloads.read(start, end))
    for (const [version, count] of counts.get(name) ?? [])
      downloads[version] = (downloads[version] ?? 0) + count;
  return c.json({ package: name, downloads });
};

/** Whether the caller may know of a package; each is asked for once. */
function reader({ shared }: Visit, caller: Caller): (name: string) => Promise<boolean> {
  const known = new Map<string, boolean>();
  return async (name) => {
    let may = known.get(name);
    if (may === undefined) {
      may = await shared.citadel.registry.document(name, caller).then(
        () => true,
        (error: unknown) => {
          if (hidden.has(errorCode(error) ?? "")) return false;
          throw error;
        },
      );
      known.set(name, may);
    }
    return may;
  };
}

const hidden = new Set(["E_PACKAGE_NOT_FOUND", "E_INVALID_NAME", "E_FORBIDDEN", "E_AUTH_REQUIRED"]);

/** `last-week`, `2026-11-01`, `2026-11-01:2026-11-30`; today counts, as far as it has come. @throws E_BAD_REQUEST */
function periodOf(text: string): Period {
  const days = Object.hasOwn(named, text) ? named[text] : undefined;
  if (days !== undefined) {
    const now = Date.now();
    return { start: dayOf(now - (days - 1) * dayLong), end: dayOf(now) };
  }
  const [start = "", end = start, ...others] = text.split(":");
  const length = (Date.parse(end) - Date.parse(start)) / dayLong;
  if (others.length > 0 || !isDay(start) || !isDay(end) || length < 0)
    throw bad("the period is last-day, last-week, last-month, last-year, a date, or start:end");
  if (length >= longest) throw bad(`a period has at most ${longest} days`);
  return { start, end };
}

const isDay = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d$/.test(text) &&
  !Number.isNaN(Date.parse(text)) &&
  dayOf(Date.parse(text)) === text;

function formOf(form: string, { start, end }: Period, days: ReadonlyMap<string, number>): object {
  if (form === "point")
    return { downloads: [...days.values()].reduce((sum, count) => sum + count, 0), start, end };
  const downloads = [];
  for (let at = Date.parse(start); at <= Date.parse(end); at += dayLong)
    downloads.push({ day: dayOf(at), downloads: days.get(dayOf(at)) ?? 0 });
  return { downloads, start, end };
}

const sumOf = (versions: ReadonlyMap<string, number>): number =>
  [...versions.values()].reduce((sum, count) => sum + count, 0);

const bad = (message: string): CitadelError => new CitadelError("E_BAD_REQUEST", message);
const notFound = (name: string): CitadelError =>
  new CitadelError(
    "E_PACKAGE_NOT_FOUND",
    `there is no package ${name.slice(0, 300)} in this registry`,
  );
