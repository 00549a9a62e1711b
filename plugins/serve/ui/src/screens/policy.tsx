import { useSignal } from "@preact/signals";
import { ask } from "../api.ts";
import { notify } from "../announce.ts";
import { Badge, Time } from "../parts/badge.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Field } from "../parts/field.tsx";
import { Page } from "../parts/page.tsx";
import { Empty, Loaded } from "../parts/state.tsx";
import { Table } from "../parts/table.tsx";
import { count } from "../format.ts";
import { failureOf, useResource, type Loading } from "../resource.ts";

interface Request {
  readonly id: string;
  readonly pattern: string;
  readonly range?: string;
  readonly reason: string;
  readonly by: string;
  readonly at: string;
  readonly state: "open" | "approved" | "denied";
}
interface Refused {
  readonly name: string;
  readonly version: string;
  readonly origin: string;
  readonly rule: string;
  readonly dryRun: boolean;
  readonly count: number;
  readonly last: string;
}
interface Policy {
  readonly mode: (typeof modes)[number];
  readonly rules: readonly {
    readonly id: string;
    readonly effect: string;
    readonly reason?: string;
  }[];
  readonly requests: readonly Request[];
  readonly refused: { readonly items: readonly Refused[] };
}
interface Staged {
  readonly id: string;
  readonly packageName: string;
  readonly version: string;
  readonly createdAt: string;
  readonly actor: string;
}

const modes = ["enforce", "dry-run", "off"] as const;
const means = {
  enforce: "versions that a rule refuses are not served",
  "dry-run": "they are served, and listed here",
  off: "no rule counts",
} as const;

/** What waits for somebody to decide: requests, refused versions of other registries, staged versions of this one. */
export default function PolicyScreen() {
  const policy = useResource((signal) => ask<Policy>("/-/citadel/v1/policy", { signal }));
  const staged = useResource((signal) =>
    ask<{ readonly items: readonly Staged[] }>("/-/stage", { signal }),
  );
  return (
    <Page
      title="Policy"
      lead="Which versions of other registries are served, what was refused, and what waits for a decision."
    >
      <Loaded of={policy}>{(now) => <Rules now={now} of={policy} />}</Loaded>
      <section aria-labelledby="staged">
        <h2 id="staged">Versions that wait for approval</h2>
        <Loaded of={staged}>{({ items }) => <Waiting items={items} of={staged} />}</Loaded>
      </section>
    </Page>
  );
}

const policyPath = "/-/citadel/v1/policy";

function Rules({ now, of }: { readonly now: Policy; readonly of: Loading<Policy> }) {
  const allowing = useSignal<Refused | undefined>(undefined);
  const reason = useSignal("");
  const change = async (body: object, done: string): Promise<void> => {
    try {
      await ask(policyPath, { method: "POST", body });
      notify(done);
      of.reload();
    } catch (error) {
      notify(failureOf(error).message, "bad");
    }
  };
  const open = now.requests.filter(({ state }) => state === "open");
  const grantOf = ({ pattern, range, reason }: Request) => ({
    ...{ pattern, reason },
    ...(range !== undefined && { range }),
  });
  const one = allowing.value;
  return (
    <>
      <div class="field mode">
        <label for="mode">Mode</label>
        <select
          id="mode"
          value={now.mode}
          aria-describedby="mode-help"
          onChange={({ currentTarget: { value } }) =>
            void change({ type: "mode", mode: value }, `The policy is now: ${value}`)
          }
        >
          {modes.map((mode) => (
            <option key={mode}>{mode}</option>
          ))}
        </select>
        <p class="help" id="mode-help">
          {means[now.mode]}
        </p>
      </div>
      <h2>Rules</h2>
      {now.rules.length === 0 ? (
        <Empty icon="list" title="There are no rules">
          <p>
            <code>citadel registry:policy:block</code> and its sisters make some.
          </p>
        </Empty>
      ) : (
        <ul>
          {now.rules.map(({ id, effect, reason: why }) => (
            <li key={id}>
              {effect} {why !== undefined && <span class="faint">({why})</span>}
            </li>
          ))}
        </ul>
      )}
      <h2>Requests for exceptions</h2>
      {open.length === 0 ? (
        <Empty icon="check" title="Nobody asks for an exception" />
      ) : (
        <Table label="Requests for exceptions" head={["Package", "Why", "Who", "When", "Actions"]}>
          {open.map((request) => (
            <tr key={request.id}>
              <th scope="row">
                {request.pattern} {request.range}
              </th>
              <td>{request.reason}</td>
              <td>{request.by}</td>
              <td>
                <Time at={request.at} />
              </td>
              <td>
                <div class="row">
                  <button
                    type="button"
                    aria-label={`Approve ${request.pattern}`}
                    onClick={() =>
                      void change(
                        { type: "approve", id: request.id, grant: grantOf(request) },
                        `${request.pattern} is let in`,
                      )
                    }
                  >
                    Approve
                  </button>
                  <button
                    type="button"
                    class="danger"
                    aria-label={`Deny ${request.pattern}`}
                    onClick={() =>
                      void change({ type: "deny", id: request.id }, `${request.pattern} stays out`)
                    }
                  >
                    Deny
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </Table>
      )}
      <h2>Refused versions</h2>
      {now.refused.items.length === 0 ? (
        <Empty icon="check" title="Nothing was refused" />
      ) : (
        <Table label="Refused versions" head={["Version", "By", "#Times", "Last", "Action"]}>
          {now.refused.items.map((item) => (
            <tr key={`${item.name}@${item.version}`}>
              <th scope="row">
                {item.name}@{item.version}
                <div class="faint">from {item.origin}</div>
              </th>
              <td>
                {item.rule} {item.dryRun && <Badge tone="warn">on trial: it was served</Badge>}
              </td>
              <td class="number">{count(item.count)}</td>
              <td>
                <Time at={item.last} />
              </td>
              <td>
                <button
                  type="button"
                  aria-label={`Let ${item.name}@${item.version} in`}
                  onClick={() => (allowing.value = item)}
                >
                  Let in
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {one && (
        <Confirm
          title={`Let ${one.name}@${one.version} in?`}
          action="Let in"
          onClose={() => (allowing.value = undefined)}
          run={async () => {
            const grant = { pattern: one.name, range: one.version, reason: reason.value.trim() };
            await ask(policyPath, { method: "POST", body: { type: "except", grant } });
            notify(`${one.name}@${one.version} is let in`);
            of.reload();
          }}
        >
          <p>It was refused by {one.rule}.</p>
          <Field
            label="Why"
            value={reason.value}
            required
            onInput={(text) => (reason.value = text)}
          />
        </Confirm>
      )}
    </>
  );
}

function Waiting({
  items,
  of,
}: {
  readonly items: readonly Staged[];
  readonly of: Loading<{ readonly items: readonly Staged[] }>;
}) {
  const deciding = useSignal<{ readonly item: Staged; readonly approve: boolean } | undefined>(
    undefined,
  );
  const now = deciding.value;
  if (items.length === 0) return <Empty icon="check" title="No version waits" />;
  return (
    <>
      <Table label="Versions that wait" head={["Version", "Who", "When", "Actions"]}>
        {items.map((item) => (
          <tr key={item.id}>
            <th scope="row">
              {item.packageName}@{item.version}
            </th>
            <td>{item.actor}</td>
            <td>
              <Time at={item.createdAt} />
            </td>
            <td>
              <div class="row">
                <button
                  type="button"
                  aria-label={`Publish ${item.packageName}@${item.version}`}
                  onClick={() => (deciding.value = { item, approve: true })}
                >
                  Publish
                </button>
                <button
                  type="button"
                  class="danger"
                  aria-label={`Reject ${item.packageName}@${item.version}`}
                  onClick={() => (deciding.value = { item, approve: false })}
                >
                  Reject
                </button>
              </div>
            </td>
          </tr>
        ))}
      </Table>
      {now && (
        <Confirm
          title={`${now.approve ? "Publish" : "Reject"} ${now.item.packageName}@${now.item.version}?`}
          action={now.approve ? "Publish" : "Reject"}
          onClose={() => (deciding.value = undefined)}
          run={async () => {
            if (now.approve) await ask(`/-/stage/${now.item.id}/approve`, { method: "POST" });
            else await ask(`/-/stage/${now.item.id}`, { method: "DELETE" });
            notify(
              `${now.item.packageName}@${now.item.version} is ${now.approve ? "published" : "rejected"}`,
            );
            of.reload();
          }}
        >
          <p>
            {now.approve
              ? "Everybody who may read the package gets it from now on."
              : "What was sent is thrown away; the number stays free."}
          </p>
        </Confirm>
      )}
    </>
  );
}
