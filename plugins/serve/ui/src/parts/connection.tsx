import { connection, reconnect } from "../live.ts";
import { Badge, type Tone } from "./badge.tsx";
import type { IconName } from "./icon.tsx";

const states: Readonly<Record<string, readonly [tone: Tone, icon: IconName]>> = {
  live: ["good", "check"],
  paused: ["plain", "pause"],
  reconnecting: ["warn", "warning"],
  over: ["bad", "stop"],
};

/** Whether what is shown is followed. */
export function Connection({ paused = false }: { readonly paused?: boolean }) {
  const state = paused ? "paused" : connection.value;
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
