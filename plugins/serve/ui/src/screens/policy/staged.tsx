import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Time } from "../../parts/badge.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Empty } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { href } from "../../router.ts";

/** A version that waits for approval. */
export interface Staged {
  readonly id: string;
  readonly packageName: string;
  readonly version: string;
  readonly tag: string;
  readonly createdAt: string;
  readonly actor: string;
  readonly actorType: string;
}

/** All that wait, each with a page that shows what is in it. */
export function Waiting({
  items,
  changed,
}: {
  readonly items: readonly Staged[];
  readonly changed: () => void;
}) {
  if (items.length === 0) return <Empty icon="check" title="No version waits" />;
  return (
    <Table label="Versions that wait" head={["Version", "Who", "When", "Actions"]}>
      {items.map((item) => (
        <tr key={item.id}>
          <th scope="row">
            <a href={href(`/policy/staged/${item.id}`)}>
              {item.packageName}@{item.version}
            </a>
          </th>
          <td>{item.actor}</td>
          <td>
            <Time at={item.createdAt} />
          </td>
          <td>
            <Decide item={item} decided={changed} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Publishes it or throws it away, after a question. */
export function Decide({ item, decided }: { readonly item: Staged; readonly decided: () => void }) {
  const asking = useSignal<"publish" | "reject" | undefined>(undefined);
  const reason = useSignal("");
  const { id, packageName, version, tag } = item;
  const name = `${packageName}@${version}`;
  const close = (): void => void (asking.value = undefined);
  const done = (what: string): void => {
    close();
    notify(`${name} is ${what}`);
    decided();
  };
  return (
    <div class="row">
      <button
        type="button"
        class="primary"
        aria-label={`Publish ${name}`}
        onClick={() => (asking.value = "publish")}
      >
        Publish
      </button>
      <button
        type="button"
        class="danger"
        aria-label={`Reject ${name}`}
        onClick={() => (asking.value = "reject")}
      >
        Reject
      </button>
      {asking.value === "publish" && (
        <FormDialog
          title={`Publish ${name}?`}
          action="Publish"
          onClose={close}
          send={async () => {
            await ask(`/-/stage/${id}/approve`, { method: "POST" });
            done("published");
          }}
        >
          <p>
            Everybody who may read the package gets it from now on, as <code>{tag}</code>.
          </p>
        </FormDialog>
      )}
      {asking.value === "reject" && (
        <FormDialog
          title={`Reject ${name}?`}
          action="Reject"
          onClose={close}
          send={async () => {
            const why = reason.value.trim();
            const query = why === "" ? "" : `?${new URLSearchParams({ reason: why })}`;
            await ask(`/-/stage/${id}${query}`, { method: "DELETE" });
            done("rejected");
          }}
        >
          <p>What was sent is thrown away; the number stays free.</p>
          <Field
            label="Why"
            help="It stands in the history, at most 500 characters."
            value={reason.value}
            onInput={(text) => (reason.value = text)}
          />
        </FormDialog>
      )}
    </div>
  );
}
