import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Badge, Time } from "../../parts/badge.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { count } from "../../format.ts";
import { failureOf, useResource } from "../../resource.ts";
import { go, href } from "../../router.ts";
import { hears, hookPath, type Hook } from "./hook.ts";
import { Status } from "./status.tsx";

interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly at: string;
  /** ms */
  readonly took: number;
  readonly response_code: number | null;
  readonly error: string | null;
}

const isGood = ({ response_code: code }: Delivery): boolean =>
  code !== null && code >= 200 && code < 300;
const outcome = ({ response_code: code, error }: Delivery): string =>
  code === null ? (error ?? "no answer") : `${code}`;

/** One hook: what it hears of, and its last calls. */
export function OneHook({ id }: { readonly id: string }) {
  const hook = useResource((signal) => ask<Hook>(hookPath(id), { signal }));
  const calls = useResource((signal) =>
    ask<{ readonly items: readonly Delivery[] }>(`${hookPath(id)}/deliveries`, { signal }),
  );
  const busy = useSignal(false);
  const removing = useSignal(false);
  const now = hook.now.value.value;

  const run = async (what: () => Promise<void>): Promise<void> => {
    busy.value = true;
    try {
      await what();
    } catch (error) {
      notify(failureOf(error).message, "bad");
    } finally {
      busy.value = false;
      hook.reload();
      calls.reload();
    }
  };
  /** @param to what calls it: a test, or a call once more */
  const call = (to: string) =>
    run(async () => {
      const made = await ask<Delivery>(`${hookPath(id)}/${to}`, { method: "POST" });
      notify(`It was called: ${outcome(made)}`, isGood(made) ? "good" : "bad");
    });
  const toggle = () =>
    run(async () => {
      const enabled = now?.status === "disabled";
      await ask(`${hookPath(id)}/enabled`, { method: "PUT", body: { enabled } });
      notify(enabled ? "It is called again" : "It is not called any more");
    });
  return (
    <Page
      title={now ? new URL(now.endpoint).host : "Webhook"}
      lead={<a href={href("/hooks")}>All webhooks</a>}
      actions={
        now && (
          <>
            <button type="button" disabled={busy.value} onClick={() => void call("test")}>
              Test
            </button>
            <button type="button" disabled={busy.value} onClick={() => void toggle()}>
              {now.status === "disabled" ? "Enable" : "Disable"}
            </button>
            <button type="button" class="danger" onClick={() => (removing.value = true)}>
              Remove
            </button>
          </>
        )
      }
    >
      <Loaded of={hook} what="Loading the webhook">
        {(it) => (
          <dl class="terms">
            <dt>Address</dt>
            <dd>
              <code>{it.endpoint}</code>
            </dd>
            <dt>Hears of</dt>
            <dd>{hears(it)}</dd>
            <dt>Owner</dt>
            <dd>
              {it.username}, made <Time at={it.created} />
            </dd>
            <dt>State</dt>
            <dd>
              <Status {...it} />
            </dd>
          </dl>
        )}
      </Loaded>
      {now && (
        <section aria-labelledby="calls">
          <h2 id="calls">Last calls</h2>
          <Loaded of={calls} what="Loading the calls">
            {({ items }) => (
              <Calls
                items={items}
                busy={busy.value}
                onReplay={(one) => void call(`deliveries/${encodeURIComponent(one)}`)}
              />
            )}
          </Loaded>
        </section>
      )}
      {removing.value && now && (
        <Confirm
          title={`Remove the webhook to ${new URL(now.endpoint).host}?`}
          action="Remove"
          onClose={() => (removing.value = false)}
          run={async () => {
            await ask(hookPath(id), { method: "DELETE" });
            notify("The webhook is removed");
            go("/hooks");
          }}
        >
          <p>What has not been told yet never will be. This cannot be taken back.</p>
        </Confirm>
      )}
    </Page>
  );
}

const Calls = ({
  items,
  busy,
  onReplay,
}: {
  readonly items: readonly Delivery[];
  readonly busy: boolean;
  readonly onReplay: (id: string) => void;
}) =>
  items.length === 0 ? (
    <Empty icon="list" title="It was not called yet">
      <p>“Test” calls it at once.</p>
    </Empty>
  ) : (
    <Table label="Last calls" head={["When", "Event", "Answer", "#Took", "Action"]}>
      {items.map((one) => (
        <tr key={`${one.id} ${one.at}`}>
          <td class="nowrap">
            <Time at={one.at} />
          </td>
          <td>
            {one.event}
            <div class="faint">
              <code>{one.id}</code>
            </div>
          </td>
          <td>
            <Badge tone={isGood(one) ? "good" : "bad"} icon={isGood(one) ? "check" : "stop"}>
              {outcome(one)}
            </Badge>
          </td>
          <td class="number">{count(one.took)} ms</td>
          <td>
            {one.event !== "webhook.test" && (
              <button
                type="button"
                aria-label={`Replay ${one.event}, ${one.id}`}
                disabled={busy}
                onClick={() => onReplay(one.id)}
              >
                Replay
              </button>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
