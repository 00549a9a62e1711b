import { ask, isFailure } from "../../api.ts";
import { Badge } from "../../parts/badge.tsx";
import { Loaded } from "../../parts/state.tsx";
import { duration } from "../../format.ts";
import { useResource } from "../../resource.ts";
import type { AlertRow } from "./alerts.tsx";

interface Ready {
  readonly checks: { readonly store: boolean; readonly disk: boolean };
}

const checks = { store: "the store takes what is written", disk: "the disk has room" } as const;

/** How long it has been up, and whether load balancers may send it requests. */
export function Uptime({
  beat,
  since,
  alerts,
  quiet,
}: {
  /** changes when it is time to look again */
  readonly beat: number;
  readonly since: string | undefined;
  readonly alerts: readonly AlertRow[];
  /** that the server does not answer is said elsewhere */
  readonly quiet: boolean;
}) {
  const ready = useResource(
    async (signal) => {
      try {
        return await ask<Ready>("/-/readyz", { signal });
      } catch (error) {
        // it answers so when a check fails
        if (isFailure(error) && error.status === 503 && error.answer) return error.answer as Ready;
        throw error;
      }
    },
    [beat],
  );
  const upstreams = alerts.filter(({ rule }) => rule === "upstream");
  return (
    <section aria-labelledby="uptime">
      <h2 id="uptime">Uptime</h2>
      <p>
        {since === undefined
          ? "For how long it has been up is not known."
          : `Up for ${duration(Date.now() - Date.parse(since))}, since ${new Date(since).toLocaleString("en-GB")}.`}
      </p>
      <Loaded of={ready} quiet={quiet}>
        {({ checks: now }) => (
          <ul class="checks">
            {(["store", "disk"] as const).map((name) => (
              <li key={name}>
                <Badge tone={now[name] ? "good" : "bad"} icon={now[name] ? "check" : "stop"}>
                  {now[name] ? "yes" : "no"}
                </Badge>{" "}
                {checks[name]}
              </li>
            ))}
            {upstreams.map(({ about, state }) => (
              <li key={about}>
                <Badge
                  tone={state === "firing" ? "bad" : "good"}
                  icon={state === "firing" ? "stop" : "check"}
                >
                  {state === "firing" ? "no" : "yes"}
                </Badge>{" "}
                {about} answers
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
