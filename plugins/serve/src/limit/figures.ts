import { errorCode } from "@citadel/core";

/** minutes that are remembered one by one */
const minutes = 60;
const minute = 60_000;

/** What this process has seen of requests since it started. */
export interface Figures {
  /** a request was answered */
  answered(method: string, status: number): void;
  /** a request failed; what counts are credentials that were not good */
  failed(error: unknown): void;
  /** too much was asked with a credential, or by an address, or the address is blocked */
  refused(scope: "key" | "client"): void;
  read(): FigureItem;
}

export interface FigureItem {
  /** ISO 8601 */
  readonly since: string;
  readonly requests: {
    readonly total: number;
    /** of the last 60 minutes, oldest first */
    readonly perMinute: readonly number[];
    readonly methods: Readonly<Record<string, number>>;
    /** by class: `2xx` */
    readonly statuses: Readonly<Record<string, number>>;
  };
  /** by code of the error */
  readonly authFailures: Readonly<Record<string, number>>;
  readonly limitViolations: number;
  /** the same by what was counted */
  readonly refusals: Readonly<Record<"key" | "client", number>>;
}

export function createFigures(now: () => number = Date.now): Figures {
  const since = now();
  const methods = new Map<string, number>();
  const statuses = new Map<string, number>();
  const failures = new Map<string, number>();
  const ring = Array.from({ length: minutes }, () => ({ at: -1, count: 0 }));
  let total = 0;
  const refusals = { key: 0, client: 0 };
  const add = (map: Map<string, number>, key: string): void =>
    void map.set(key, (map.get(key) ?? 0) + 1);

  return {
    answered(method, status) {
      total++;
      add(methods, known.has(method) ? method : "other");
      add(statuses, `${Math.floor(status / 100)}xx`);
      const at = Math.floor(now() / minute);
      const slot = ring[at % minutes];
      if (!slot) return;
      if (slot.at !== at) Object.assign(slot, { at, count: 0 });
      slot.count++;
    },
    failed(error) {
      const code = errorCode(error) ?? "";
      if (authentication.has(code)) add(failures, code);
    },
    refused: (scope) => void refusals[scope]++,
    read() {
      const last = Math.floor(now() / minute);
      const perMinute = Array.from({ length: minutes }, (_, n) => {
        const at = last - minutes + 1 + n;
        const slot = ring[((at % minutes) + minutes) % minutes];
        return slot?.at === at ? slot.count : 0;
      });
      return {
        since: new Date(since).toISOString(),
        requests: {
          ...{ total, perMinute },
          methods: Object.fromEntries(methods),
          statuses: Object.fromEntries(statuses),
        },
        authFailures: Object.fromEntries(failures),
        limitViolations: refusals.key + refusals.client,
        refusals: { ...refusals },
      };
    },
  };
}

/** Codes of errors that say of a credential that it is not good. */
export const authentication: ReadonlySet<string> = new Set([
  ...["E_AUTH_INVALID", "E_OTP_REQUIRED"],
  ...["E_TOKEN_EXPIRED", "E_TOKEN_REVOKED", "E_TOKEN_ADDRESS"],
]);

/** What anybody may send as a method must not fill the memory. */
const known = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
