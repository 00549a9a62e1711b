/** What a running server raises alerts on; `docs/monitoring.md` says when. */
export const alertNames = [
  ...(["cpu", "memory", "latency", "errors", "event-loop"] as const),
  ...(["disk", "key-expiring", "upstream", "failed-logins", "blocked-clients"] as const),
] as const;
export type AlertName = (typeof alertNames)[number];
