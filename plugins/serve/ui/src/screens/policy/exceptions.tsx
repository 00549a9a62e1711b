import { useSignal } from "@preact/signals";
import { notify } from "../../announce.ts";
import { count } from "../../format.ts";
import { Badge, Time } from "../../parts/badge.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Empty, sentence } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { GrantDialog } from "./grant.tsx";
import { changePolicy, type Exception, type PartProps, type Policy, type Refused, type Request } from "./types.ts"; // prettier-ignore

const named = ({ pattern, range }: Pick<Exception, "pattern" | "range">): string =>
  range === undefined ? pattern : `${pattern}@${range}`;

/** Who asks for an exception. */
export function Requests({ now, changed }: PartProps) {
  const deciding = useSignal<{ readonly request: Request; readonly approve: boolean } | undefined>(
    undefined,
  );
  const close = (): void => void (deciding.value = undefined);
  const open = now.requests.filter(({ state }) => state === "open");
  const one = deciding.value;
  return (
    <>
      <h2>Requests for exceptions</h2>
      {open.length === 0 ? (
        <Empty icon="check" title="Nobody asks for an exception" />
      ) : (
        <Table label="Requests for exceptions" head={["Package", "Why", "Who", "When", "Actions"]}>
          {open.map((request) => (
            <tr key={request.id}>
              <th scope="row">{named(request)}</th>
              <td>{request.reason}</td>
              <td>{request.by}</td>
              <td>
                <Time at={request.at} />
              </td>
              <td>
                <div class="row">
                  <button
                    type="button"
                    aria-label={`Approve ${named(request)}`}
                    onClick={() => (deciding.value = { request, approve: true })}
                  >
                    Approve
                  </button>
                  <button
                    type="button"
                    class="danger"
                    aria-label={`Deny ${named(request)}`}
                    onClick={() => (deciding.value = { request, approve: false })}
                  >
                    Deny
                  </button>
                </div>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {one?.approve === true && (
        <GrantDialog
          pattern={one.request.pattern}
          range={one.request.range}
          why={one.request.reason}
          request={one.request.id}
          onClose={close}
          changed={changed}
        />
      )}
      {one?.approve === false && (
        <DenyDialog request={one.request} onClose={close} changed={changed} />
      )}
    </>
  );
}

function DenyDialog({
  request,
  onClose,
  changed,
}: {
  readonly request: Request;
  readonly onClose: () => void;
  readonly changed: () => void;
}) {
  const reason = useSignal("");
  return (
    <FormDialog
      title={`Deny ${named(request)}?`}
      action="Deny"
      onClose={onClose}
      send={async () => {
        const why = reason.value.trim();
        await changePolicy({ type: "deny", id: request.id, ...(why !== "" && { reason: why }) });
        notify(`${named(request)} stays out`);
        onClose();
        changed();
      }}
    >
      <Field
        label="Why"
        help={`${request.by} sees it with the request.`}
        value={reason.value}
        onInput={(text) => (reason.value = text)}
      />
    </FormDialog>
  );
}

/** What somebody wanted and did not get. */
export function Refusals({ now, changed }: PartProps) {
  const allowing = useSignal<Refused | undefined>(undefined);
  const one = allowing.value;
  const { items } = now.refused;
  return (
    <>
      <h2>Refused versions</h2>
      {items.length === 0 ? (
        <Empty icon="check" title="Nothing was refused" />
      ) : (
        <Table label="Refused versions" head={["Version", "Why", "#Times", "Last", "Action"]}>
          {items.map((item) => (
            <tr key={`${item.name}@${item.version}`}>
              <th scope="row">
                {item.name}@{item.version}
                <div class="faint">from {item.origin}</div>
              </th>
              <td>
                {item.reason !== undefined && sentence(item.reason)}{" "}
                {item.dryRun && <Badge tone="warn">on trial: it was served</Badge>}
                <div class="faint">
                  by the rule <code>{item.rule}</code>
                  {item.until !== undefined && (
                    <>
                      , served by itself <Time at={item.until} />
                    </>
                  )}
                </div>
              </td>
              <td class="number">{count(item.count)}</td>
              <td>
                <Time at={item.last} />
                <div class="faint">{item.askers.at(-1)}</div>
              </td>
              <td class="nowrap">
                {isLetIn(now, item) ? (
                  <Badge tone="good" icon="check">
                    let in
                  </Badge>
                ) : (
                  <button
                    type="button"
                    aria-label={`Let in: ${item.name}@${item.version}`}
                    onClick={() => (allowing.value = item)}
                  >
                    Let in
                  </button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {one && (
        <GrantDialog
          pattern={one.name}
          range={one.version}
          onClose={() => (allowing.value = undefined)}
          changed={changed}
        >
          <p>{sentence(one.reason ?? `it was refused by ${one.rule}`)}</p>
        </GrantDialog>
      )}
    </>
  );
}

/** Whether there is an exception for this very version by now. */
const isLetIn = ({ exceptions }: Policy, { name, version }: Refused): boolean =>
  exceptions.some(
    ({ pattern, range, families, until }) =>
      pattern === name && range === version && families === undefined && isLive(until),
  );
const isLive = (until: string | undefined): boolean =>
  until === undefined || Date.parse(until) > Date.now();

/** What is served although a rule refuses it. */
export function Exceptions({ now, changed }: PartProps) {
  const ending = useSignal<Exception | undefined>(undefined);
  const one = ending.value;
  const exceptions = now.exceptions.filter(({ until }) => isLive(until));
  return (
    <>
      <h2>Exceptions</h2>
      {exceptions.length === 0 ? (
        <Empty icon="list" title="There are no exceptions" />
      ) : (
        <Table label="Exceptions" head={["Package", "From", "Why", "Who", "Until", "Action"]}>
          {exceptions.map((exception) => (
            <tr key={exception.id}>
              <th scope="row">{named(exception)}</th>
              <td>{exception.families?.join(", ") ?? "all rules"}</td>
              <td>{exception.reason}</td>
              <td>
                {exception.by}
                {exception.for !== undefined && <div class="faint">for {exception.for}</div>}
              </td>
              <td>{exception.until === undefined ? "for good" : <Time at={exception.until} />}</td>
              <td>
                <button
                  type="button"
                  class="danger"
                  aria-label={`Withdraw ${named(exception)}`}
                  onClick={() => (ending.value = exception)}
                >
                  Withdraw
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {one && (
        <Confirm
          title={`Withdraw the exception for ${named(one)}?`}
          action="Withdraw"
          onClose={() => (ending.value = undefined)}
          run={async () => {
            await changePolicy({ type: "remove", id: one.id });
            notify(`The exception for ${named(one)} is withdrawn`);
            changed();
          }}
        >
          <p>From now on the rules decide again, for every client.</p>
        </Confirm>
      )}
    </>
  );
}
