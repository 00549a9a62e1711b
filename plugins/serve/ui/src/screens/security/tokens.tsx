import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Time } from "../../parts/badge.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { plural } from "../../format.ts";
import { useResource } from "../../resource.ts";
import { loadSession } from "../../session.ts";

interface Token {
  readonly key: string;
  readonly token: string;
  readonly name: string;
  readonly readonly: boolean;
  readonly packages_and_scopes_permission?: string;
  readonly cidr_whitelist: readonly string[];
  readonly created: string;
  readonly expires: string | null;
  readonly last_used: string | null;
}

/** The tokens of whoever looks, as `npm token list` has them. */
export function Tokens() {
  const tokens = useResource((signal) =>
    ask<{ readonly objects: readonly Token[]; readonly total: number }>("/-/npm/v1/tokens", {
      signal,
    }),
  );
  const revoking = useSignal<Token | undefined>(undefined);
  const lost = revoking.value;
  return (
    <section aria-labelledby="tokens">
      <h2 id="tokens">Your tokens</h2>
      <Loaded of={tokens}>
        {({ objects, total }) => (
          <>
            <Table
              label="Your tokens"
              head={["Token", "May", "Made", "Last used", "Expires", "Action"]}
            >
              {objects.map((each) => (
                <tr key={each.key}>
                  <th scope="row">
                    <code>{each.token}…</code>
                    {each.name !== "" && <div class="faint">{each.name}</div>}
                  </th>
                  <td>
                    {each.packages_and_scopes_permission ??
                      (each.readonly ? "read-only" : "all that you may")}
                  </td>
                  <td>
                    <Time at={each.created} />
                  </td>
                  <td>{each.last_used === null ? "never" : <Time at={each.last_used} />}</td>
                  <td>{each.expires === null ? "never" : <Time at={each.expires} />}</td>
                  <td>
                    <button
                      type="button"
                      class="danger"
                      aria-label={`Revoke ${each.token}`}
                      onClick={() => (revoking.value = each)}
                    >
                      Revoke
                    </button>
                  </td>
                </tr>
              ))}
            </Table>
            {objects.length < total && (
              <p class="faint">
                The newest {objects.length} of {plural(total, "token")}; all of them:{" "}
                <code>npm token list</code>
              </p>
            )}
          </>
        )}
      </Loaded>
      {lost && (
        <Confirm
          title={`Revoke ${lost.token}…?`}
          action="Revoke"
          onClose={() => (revoking.value = undefined)}
          run={async () => {
            await ask(`/-/npm/v1/tokens/token/${lost.key}`, { method: "DELETE" });
            notify("The token is revoked");
            tokens.reload();
            // it may have been the one that this session stands on
            await loadSession();
          }}
        >
          <p>What uses it is shut out at once. This cannot be taken back.</p>
        </Confirm>
      )}
    </section>
  );
}
