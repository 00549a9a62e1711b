import { connection, reconnect } from "../live.ts";
import { Badge, type Tone } from "./badge.tsx";
import type { IconName } from "./icon.tsx";

const states: Readonly<Record<string, readonly [tone: Tone, icon: IconName]>> = {
  live: ["good", "check"],
  paused: ["plain", "pause"],
  late: ["warn", "warning"],
  reconnecting: ["warn", "warning"],
  over: ["bad", "stop"],
};

/** Whether what is shown is followed. */
export function Connection({
  paused = false,
  late = false,
}: {
  readonly paused?: boolean;
  /** nothing comes although there is a connection */
  readonly late?: boolean;
}) {
  const live = late && connection.value === "live" ? "late" : connection.value;
  const state = paused ? "paused" : live;
  const [tone, icon] = states[state] ?? ["plain", "info"];
  return (
    <>
      <span role="status">
        <Badge tone={tone} icon={icon}>
          {state}
        </Badge>
      </span>
      {(state === "reconnecting" || state === "over") && (
        <button type="button" onClick={reconnect}>
          Try now
        </button>
      )}
    </>
  );
}
