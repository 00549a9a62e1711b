import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Badge, Time } from "../../parts/badge.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CopyLine } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { useResource } from "../../resource.ts";
import { KeyForm } from "./key-form.tsx";

export interface Key {
  readonly id: string;
  readonly name: string;
  readonly user: string;
  readonly permissions: readonly string[];
  readonly packages?: readonly string[];
  readonly cidr: readonly string[];
  readonly limit?: number;
  readonly prefix: string;
  readonly created: string;
  readonly expires: string;
  readonly lastUsed: string | null;
}
export interface NewKey extends Key {
  readonly key: string;
}

/** ms before its end at which a key is said to be about to expire */
const soon = 14 * 86_400_000;

/** API keys: made, shown once, rotated, revoked. */
export function Keys() {
  const keys = useResource((signal) =>
    ask<{ readonly items: readonly Key[] }>("/_api/security/keys", { signal }),
  );
  const making = useSignal(false);
  const made = useSignal<NewKey | undefined>(undefined);
  const revoking = useSignal<Key | undefined>(undefined);
  const rotating = useSignal<Key | undefined>(undefined);
  const [old, lost] = [rotating.value, revoking.value];
  return (
    <section aria-labelledby="keys">
      <div class="section-head">
        <h2 id="keys">API keys</h2>
        <button type="button" onClick={() => (making.value = true)}>
          New key
        </button>
      </div>
      <Loaded of={keys}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="key" title="There are no API keys">
              <p>A key lets a program in, with a few rights and until a day that is known.</p>
            </Empty>
          ) : (
            <Table label="API keys" head={["Name", "May", "Of", "Last used", "Expires", "Actions"]}>
              {items.map((key) => (
                <tr key={key.id}>
                  <th scope="row">
                    {key.name}
                    <br />
                    <code class="faint">{key.prefix}…</code>
                  </th>
                  <td>
                    {key.permissions.join(", ")}
                    <Limits {...key} />
                  </td>
                  <td>{key.user}</td>
                  <td>{key.lastUsed === null ? "never" : <Time at={key.lastUsed} />}</td>
                  <td>
                    <Time at={key.expires} />
                    {Date.parse(key.expires) < Date.now() + soon && (
                      <>
                        {" "}
                        <Badge tone="warn" icon="warning">
                          soon
                        </Badge>
                      </>
                    )}
                  </td>
                  <td>
                    <div class="row">
                      <button
                        type="button"
                        aria-label={`Rotate ${key.name}`}
                        onClick={() => (rotating.value = key)}
                      >
                        Rotate
                      </button>
                      <button
                        type="button"
                        class="danger"
                        aria-label={`Revoke ${key.name}`}
                        onClick={() => (revoking.value = key)}
                      >
                        Revoke
                      </button>
                    </div>
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      {making.value && (
        <KeyForm
          onClose={() => (making.value = false)}
          onMade={(key) => {
            making.value = false;
            made.value = key;
            keys.reload();
          }}
        />
      )}
      {made.value && (
        <Dialog title="The new key" onClose={() => (made.value = undefined)}>
          <p>
            This is the only time that it is shown. The registry keeps nothing that could show it
            again.
          </p>
          <CopyLine text={made.value.key} what="the key" />
        </Dialog>
      )}
      {old && (
        <Confirm
          title={`Rotate ${old.name}?`}
          action="Rotate"
          onClose={() => (rotating.value = undefined)}
          run={async () => {
            made.value = await ask<NewKey>(`/_api/security/keys/${old.id}/rotate`, {
              method: "POST",
              body: {},
            });
            keys.reload();
          }}
        >
          <p>A new key takes its place; the old one works for one more day.</p>
        </Confirm>
      )}
      {lost && (
        <Confirm
          title={`Revoke ${lost.name}?`}
          action="Revoke"
          onClose={() => (revoking.value = undefined)}
          run={async () => {
            await ask(`/_api/security/keys/${lost.id}`, { method: "DELETE" });
            notify(`${lost.name} is revoked`);
            keys.reload();
          }}
        >
          <p>What uses it is shut out at once. This cannot be taken back.</p>
        </Confirm>
      )}
    </section>
  );
}

const Limits = ({ packages, cidr, limit }: Key) => {
  const lines = [
    ...(packages ? [`packages ${packages.join(", ")}`] : []),
    ...(cidr.length > 0 ? [`from ${cidr.join(", ")}`] : []),
    ...(limit === undefined ? [] : [`${limit} requests a window`]),
  ];
  return lines.length === 0 ? null : <div class="faint">{lines.join("; ")}</div>;
};
