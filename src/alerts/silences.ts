import type { Driver } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { temporary } from "../store/temporary.ts";
import { alertNames, type AlertName } from "./names.ts";

/** ms */
const longest = 90 * 86_400_000;

/** An alert that nobody is told of for a while. */
export interface Silence {
  readonly rule: AlertName;
  /** ms since 1970 */
  readonly since: number;
  readonly until: number;
  readonly reason: string;
  /** who wants it so */
  readonly by: string;
}

/** Silences below `t/silences/` of a store: for all servers, and gone by themselves. */
export interface Silences {
  /** A silence that there is already is replaced. @param lasting ms @throws E_INVALID_DOCUMENT */
  add(rule: string, lasting: number, reason: string, by: string): Promise<Silence>;
  /** @returns false when there was none */
  remove(rule: string): Promise<boolean>;
  list(): Promise<readonly Silence[]>;
}

export function createSilences(driver: Driver): Silences {
  const stored = temporary<Silence>(driver, "silences");
  const list = async (): Promise<readonly Silence[]> =>
    (await stored.list()).filter(({ until }) => until > Date.now());

  return {
    list,
    async add(rule, lasting, reason, by) {
      const known = alertNames.find((name) => name === rule);
      if (!known)
        throw new CitadelError("E_INVALID_DOCUMENT", "there is no alert of this name", {
          hint: [`the alerts are ${alertNames.join(", ")}`],
        });
      if (!(lasting > 0 && lasting <= longest))
        throw new CitadelError("E_INVALID_DOCUMENT", "a silence lasts 90 days at most", {
          hint: ["give it an end, such as 2h"],
        });
      return stored.change(known, () => {
        const since = Date.now();
        const value = { rule: known, since, until: since + lasting, reason, by };
        return { next: { value, until: value.until }, answer: value };
      });
    },
    remove: (rule) =>
      stored.change(rule, (found) => {
        const now = Date.now();
        if (!found || found.value.until <= now) return { next: undefined, answer: false };
        // what has ended stays for a second, so that of two who end it one learns that it did
        return { next: { value: { ...found.value, until: now }, until: now + 1000 }, answer: true };
      }),
  };
}

/** As programs see it: with times as ISO 8601. */
export const silenceItem = ({ since, until, ...silence }: Silence) => ({
  ...silence,
  since: new Date(since).toISOString(),
  until: new Date(until).toISOString(),
});
