import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Time } from "../../parts/badge.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Figure } from "../../parts/figure.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { count } from "../../format.ts";
import { useResource } from "../../resource.ts";
import { session } from "../../session.ts";
import { BlockForm } from "./block-form.tsx";
import { Keys } from "./keys.tsx";
import { Tokens } from "./tokens.tsx";

interface Block {
  readonly client: string;
  readonly reason: string;
  readonly since: string;
  readonly until: string;
}

/** What `/_api/security/metrics` says. */
interface Figures {
  readonly since: string;
  readonly requests: {
    readonly total: number;
    readonly statuses: Readonly<Record<string, number>>;
  };
  readonly authFailures: Readonly<Record<string, number>>;
  readonly limitViolations: number;
  readonly refusals: { readonly key: number; readonly client: number };
  readonly blocks: readonly Block[];
}

/** What was refused, who is blocked, and the credentials that there are. */
export default function SecurityScreen() {
  const figures = useResource((signal) => ask<Figures>("/_api/security/metrics", { signal }));
  return (
    <Page
      title="Security"
      lead="What was refused, who is shut out, and the credentials that let programs in."
      actions={
        <button type="button" onClick={figures.reload}>
          Look again
        </button>
      }
    >
      <Loaded of={figures}>
        {(now) => (
          <>
            <Overview {...now} />
            <Blocks blocks={now.blocks} changed={figures.reload} />
          </>
        )}
      </Loaded>
      {figures.now.value.value && <Keys />}
      {session.value?.kind === "user" && <Tokens />}
    </Page>
  );
}

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((all, each) => all + each, 0);

const reasons: Readonly<Record<string, string>> = {
  E_AUTH_INVALID: "unknown or wrong",
  E_OTP_REQUIRED: "no one-time password",
  E_TOKEN_EXPIRED: "expired",
  E_TOKEN_REVOKED: "revoked",
  E_TOKEN_ADDRESS: "from a wrong address",
};

const Overview = ({ since, requests, authFailures, limitViolations, refusals }: Figures) => (
  <section aria-labelledby="refused">
    <h2 id="refused" class="first">
      Since the start of the server, <Time at={since} />
    </h2>
    <dl class="figures">
      <Figure label="Requests" value={count(requests.total)}>
        {Object.entries(requests.statuses)
          .sort(([one], [other]) => (one < other ? -1 : 1))
          .map(([status, n]) => `${count(n)} × ${status}`)
          .join(", ")}
      </Figure>
      <Figure label="Bad credentials" value={count(sum(authFailures))}>
        {Object.entries(authFailures)
          .map(([code, n]) => `${count(n)} ${reasons[code] ?? code}`)
          .join(", ")}
      </Figure>
      <Figure label="Past a limit" value={count(limitViolations)}>
        {limitViolations > 0 &&
          `${count(refusals.client)} by address, ${count(refusals.key)} by credential`}
      </Figure>
    </dl>
  </section>
);

function Blocks({
  blocks,
  changed,
}: {
  readonly blocks: readonly Block[];
  readonly changed: () => void;
}) {
  const adding = useSignal(false);
  const removing = useSignal<Block | undefined>(undefined);
  const block = removing.value;
  return (
    <section aria-labelledby="blocks">
      <div class="section-head">
        <h2 id="blocks">Blocked addresses</h2>
        <button type="button" onClick={() => (adding.value = true)}>
          Block an address
        </button>
      </div>
      {blocks.length === 0 ? (
        <Empty icon="check" title="Nobody is blocked">
          <p>Who goes on past the limits is blocked by itself, for longer each time.</p>
        </Empty>
      ) : (
        <Table label="Blocked addresses" head={["Address", "Why", "Since", "Until", "Action"]}>
          {blocks.map((each) => (
            <tr key={each.client}>
              <th scope="row">
                <code>{each.client}</code>
              </th>
              <td>{each.reason}</td>
              <td>
                <Time at={each.since} />
              </td>
              <td>
                <Time at={each.until} />
              </td>
              <td>
                <button
                  type="button"
                  aria-label={`Let in ${each.client} again`}
                  onClick={() => (removing.value = each)}
                >
                  Let in
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {adding.value && (
        <BlockForm
          onClose={() => (adding.value = false)}
          onDone={() => {
            adding.value = false;
            changed();
          }}
        />
      )}
      {block && (
        <Confirm
          title={`Let ${block.client} in again?`}
          action="Let in"
          onClose={() => (removing.value = undefined)}
          run={async () => {
            await ask(`/_api/security/blocks/${encodeURIComponent(block.client)}`, {
              method: "DELETE",
            });
            notify(`${block.client} may come in again`);
            changed();
          }}
        >
          <p>It was blocked: {block.reason}.</p>
        </Confirm>
      )}
    </section>
  );
}
