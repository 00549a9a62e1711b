import { createHash } from "node:crypto";
import { parseDuration } from "../config/units.ts";
import { CitadelError } from "../errors.ts";

/** How often a secret is to be rotated. */
export interface Schedule {
  /** ms */
  readonly every: number;
  /** hours of the day, UTC, in which it may be done: `02:00-04:00` */
  readonly window?: string;
  /** most ms that are added, other ones for each secret, so that not all are due at once */
  readonly jitter?: number;
}

const day = 86_400_000;

/** A schedule as people write it: `every 30d`, or `30d`. @throws E_USAGE */
export function readSchedule(every: string, window?: string, jitter?: string): Schedule {
  const wait = duration(every.replace(/^every\s+/, ""), "the schedule");
  if (window !== undefined) windowOf(window);
  return {
    every: wait,
    ...(window !== undefined && { window }),
    ...(jitter !== undefined && { jitter: duration(jitter, "the jitter") }),
  };
}

function duration(text: string, what: string): number {
  const found = /[a-z]/i.test(text) ? parseDuration(text) : undefined;
  if (!found) throw new CitadelError("E_USAGE", `${what} is a duration such as 30d`);
  return found;
}

/**
 * When the next rotation is due.
 * @param made when the value that is current was made, ms since 1970
 * @param id of the secret, for its share of the jitter
 */
export function dueAt({ every, window, jitter = 0 }: Schedule, made: number, id: string): number {
  const share = createHash("sha256").update(id).digest().readUInt32BE() / 2 ** 32;
  const due = made + every + Math.floor(share * jitter);
  return window === undefined ? due : inWindow(due, windowOf(window));
}

/** The first moment from then on that lies in the window. */
function inWindow(time: number, [from, to]: readonly [number, number]): number {
  const midnight = Math.floor(time / day) * day;
  const now = time - midnight;
  if (isWithin([from, to], now)) return time;
  return midnight + from + (now < from ? 0 : day);
}

/** Whether a time (ms since 1970) is in hours of the day such as `02:00-04:00`. */
export const inHours = (text: string, time: number): boolean =>
  isWithin(windowOf(text), time % day);

const isWithin = ([from, to]: readonly [number, number], now: number): boolean =>
  from < to ? now >= from && now < to : now >= from || now < to;

/** Milliseconds after midnight. @throws E_USAGE */
export function windowOf(text: string): readonly [from: number, to: number] {
  const found = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  if (!found) throw new CitadelError("E_USAGE", "hours of the day are written 02:00-04:00, in UTC");
  const [, a, b, c, d] = found;
  const [from, to] = [minutes(a, b), minutes(c, d)];
  if (from === to) throw new CitadelError("E_USAGE", "the hours begin and end at the same time");
  return [from, to];
}

const minutes = (hours = "", rest = ""): number => (Number(hours) * 60 + Number(rest)) * 60_000;
