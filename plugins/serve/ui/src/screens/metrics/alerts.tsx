import { ask } from "../../api.ts";
import { failureOf } from "../../resource.ts";
import { notify } from "../../announce.ts";
import { Badge, Time, type Tone } from "../../parts/badge.tsx";
import { Icon, type IconName } from "../../parts/icon.tsx";
import { Table } from "../../parts/table.tsx";

export interface AlertRow {
  readonly rule: string;
  readonly about?: string;
  readonly severity: string;
  readonly description: string;
  readonly threshold: number;
  readonly state: "ok" | "pending" | "firing" | "resolved";
  readonly since: string;
  readonly value: number | null;
  /** until when nobody is told */
  readonly silenced: string | null;
}

const states: Readonly<Record<AlertRow["state"], readonly [tone: Tone, icon: IconName]>> = {
  firing: ["bad", "stop"],
  pending: ["warn", "warning"],
  resolved: ["accent", "check"],
  ok: ["good", "check"],
};

const short = (value: number): string => String(Number(value.toPrecision(3)));

/** What is wrong right now, before everything else. */
export function Firing({ items }: { readonly items: readonly AlertRow[] }) {
  const firing = items.filter(({ state, silenced }) => state === "firing" && silenced === null);
  if (firing.length === 0) return null;
  return (
    <section class="notice bad" aria-label="Firing alerts">
      <Icon name="stop" />
      <div>
        {firing.map(({ rule, about, description, value, threshold, since }) => (
          <p key={`${rule} ${about}`}>
            <strong>
              <a href="#alerts">
                {rule} {about}
              </a>
            </strong>{" "}
            {value === null ? "" : `${short(value)}, limit ${short(threshold)}: `}
            {description}, since <Time at={since} />
          </p>
        ))}
      </div>
    </section>
  );
}

/** What is watched, and what is wrong; one may be silenced for two hours. */
export function Alerts({
  items,
  changed,
}: {
  readonly items: readonly AlertRow[];
  readonly changed: () => void;
}) {
  const act = async (work: () => Promise<unknown>, done: string): Promise<void> => {
    try {
      await work();
      notify(done);
      changed();
    } catch (error) {
      notify(failureOf(error).message, "bad");
    }
  };
  const silences = "/_api/performance/alerts/silences";
  const order = ["firing", "pending", "resolved", "ok"];
  const sorted = items.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  return (
    <section aria-labelledby="alerts">
      <h2 id="alerts">Alerts</h2>
      <Table label="Alerts" head={["Alert", "State", "#Value", "#Limit", "Since", "Action"]}>
        {sorted.map(({ rule, about, description, state, value, threshold, since, silenced }) => {
          const [tone, icon] = states[state];
          return (
            <tr key={`${rule} ${about}`}>
              <th scope="row">
                {rule} {about}
                <div class="faint">{description}</div>
              </th>
              <td>
                <Badge tone={tone} icon={icon}>
                  {state}
                </Badge>
              </td>
              <td class="number">{value === null ? "–" : short(value)}</td>
              <td class="number">{short(threshold)}</td>
              <td>{state === "ok" ? "–" : <Time at={since} />}</td>
              <td>
                {silenced !== null && (
                  <div class="faint nowrap">
                    silent, ends <Time at={silenced} />
                  </div>
                )}
                {silenced === null ? (
                  <button
                    type="button"
                    aria-label={`Silence ${rule} for two hours`}
                    onClick={() =>
                      void act(
                        () => ask(silences, { method: "POST", body: { rule, for: "2h" } }),
                        `${rule} is silent for two hours`,
                      )
                    }
                  >
                    Silence
                  </button>
                ) : (
                  <button
                    type="button"
                    aria-label={`End the silence of ${rule}`}
                    onClick={() =>
                      void act(
                        () => ask(`${silences}/${rule}`, { method: "DELETE" }),
                        `${rule} is heard again`,
                      )
                    }
                  >
                    End the silence
                  </button>
                )}
              </td>
            </tr>
          );
        })}
      </Table>
    </section>
  );
}
