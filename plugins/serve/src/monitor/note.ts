import type { Citadel } from "@citadel/core";
import type { Notice } from "@citadel/core/notices";
import type { AlertItem } from "./alerts.ts";

/** Has webhooks told of an alert that began or ended. */
export async function noteAlert(
  notices: Citadel["notices"],
  { state, ...alert }: Omit<AlertItem, "since" | "value"> & Notice["data"],
): Promise<void> {
  await notices.note(state === "firing" ? "alert.firing" : "alert.resolved", alert);
  if (state === "firing" && alert.rule === "failed-logins")
    await notices.note("auth.failed_burst", { count: alert["value"] });
}
