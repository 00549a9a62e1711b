import type { AlertName } from "@citadel/core/alerts";

/** What is watched, and from when on it is too much. */
export interface Rule<T> {
  readonly name: AlertName;
  /** what tells it from others of its name */
  readonly about?: string;
  readonly severity: Severity;
  readonly description: string;
  readonly threshold: number;
  /** ms that it has to be above the threshold for */
  readonly lasting: number;
  /** ms after its end within which it is not raised again */
  readonly coolDown: number;
  /** undefined: there is nothing to measure, which is not too much */
  value(measured: T): number | undefined;
}

export const severities = ["warning", "critical"] as const;
export type Severity = (typeof severities)[number];

/** `pending`: above the threshold, not yet for long enough; `resolved`: over, and not long ago */
export type AlertState = "ok" | "pending" | "firing" | "resolved";

export interface AlertItem {
  readonly rule: AlertName;
  readonly about?: string;
  readonly severity: Severity;
  readonly description: string;
  readonly threshold: number;
  readonly state: AlertState;
  /** ms since 1970 that it is in this state */
  readonly since: number;
  readonly value: number | undefined;
}

export interface Alerts<T> {
  /** @returns those that began or ceased to fire */
  see(measured: T, now: number): readonly AlertItem[];
  list(): readonly AlertItem[];
  /** All are ok again. */
  reset(): void;
}

/** An alert ends when its value has come down to this part of the threshold, so that it does not flicker around it. */
const clear = 0.9;

export function createAlerts<T>(rules: readonly Rule<T>[], began: number): Alerts<T> {
  const start = () =>
    rules.map((rule) => ({
      rule,
      state: "ok" as AlertState,
      since: began,
      /** ms since 1970 until which it is not raised again */
      quiet: 0,
      value: undefined as number | undefined,
    }));
  let all = start();
  type One = (typeof all)[number];
  const shown = ({ rule, state, since, value }: One): AlertItem => {
    const { name, about, severity, description, threshold } = rule;
    const which = { rule: name, ...(about !== undefined && { about }) };
    return { ...which, severity, description, threshold, state, since, value };
  };

  const next = ({ rule, state, since, quiet }: One, value: number, now: number): AlertState => {
    if (state === "firing") return value > rule.threshold * clear ? "firing" : "resolved";
    if (value > rule.threshold) {
      if (state !== "pending") return rule.lasting > 0 || now < quiet ? "pending" : "firing";
      return now - since >= rule.lasting && now >= quiet ? "firing" : "pending";
    }
    return now < quiet ? "resolved" : "ok";
  };

  return {
    see(measured, now) {
      const turned: AlertItem[] = [];
      for (const one of all) {
        one.value = one.rule.value(measured);
        const before = one.state;
        const state = next(one, one.value ?? 0, now);
        if (state === before) continue;
        if (before === "firing") one.quiet = now + one.rule.coolDown;
        Object.assign(one, { state, since: now });
        if (state === "firing" || before === "firing") turned.push(shown(one));
      }
      return turned;
    },
    list: () => all.map(shown),
    reset: () => void (all = start()),
  };
}
