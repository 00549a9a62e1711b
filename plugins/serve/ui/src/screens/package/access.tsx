import { useSignal } from "@preact/signals";
import type { Overview } from "../../../../src/dashboard/packages/overview.ts";
import { ask } from "../../api.ts";
import { failureOf } from "../../resource.ts";
import { notify } from "../../announce.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Table } from "../../parts/table.tsx";
import { isAdmin, session } from "../../session.ts";

/** Whether whoever looks may say who owns the package, as far as this page knows. */
export const ownsIt = ({ origin, owners }: Overview): boolean =>
  origin === "here" && (isAdmin.value || owners.includes(session.value?.user ?? ""));

/** Who owns a package, and who may read it. */
export function Access({
  overview: { name, owners, visibility },
  changed,
}: {
  readonly overview: Overview;
  readonly changed: () => void;
}) {
  const path = `/-/package/${encodeURIComponent(name)}`;
  const adding = useSignal(false);
  const user = useSignal("");
  const removing = useSignal<string | undefined>(undefined);
  const gone = removing.value;
  const show = async (access: string): Promise<void> => {
    try {
      await ask(`${path}/access`, { method: "POST", body: { access } });
      notify(`${name} is now: ${access}`);
    } catch (error) {
      notify(failureOf(error).message, "bad");
    }
    changed();
  };
  return (
    <>
      <div class="section-head">
        <h2>Owners</h2>
        <button type="button" onClick={() => (adding.value = true)}>
          Add an owner
        </button>
      </div>
      <Table label="Owners" head={["Name", "Action"]}>
        {owners.map((owner) => (
          <tr key={owner}>
            <th scope="row">{owner}</th>
            <td>
              <button
                type="button"
                class="danger"
                aria-label={`Remove ${owner}`}
                onClick={() => (removing.value = owner)}
              >
                Remove
              </button>
            </td>
          </tr>
        ))}
      </Table>
      {name.startsWith("@") && (
        <div class="field mode">
          <label for="visibility">Visibility</label>
          <select
            id="visibility"
            value={visibility}
            aria-describedby="visibility-help"
            onChange={({ currentTarget: { value } }) => void show(value)}
          >
            <option>public</option>
            <option>restricted</option>
          </select>
          <p class="help" id="visibility-help">
            A restricted package is there only for those with a right to it.
          </p>
        </div>
      )}
      {adding.value && (
        <FormDialog
          title="Add an owner"
          action="Add"
          onClose={() => (adding.value = false)}
          send={async () => {
            const who = user.value.trim().replace(/^@/, "");
            await ask(`${path}/owners`, { method: "PUT", body: { user: who } });
            notify(`${who} owns ${name}`);
            user.value = "";
            adding.value = false;
            changed();
          }}
        >
          <Field
            label="User"
            help="May publish it, and say who else does."
            value={user.value}
            required
            onInput={(text) => (user.value = text)}
          />
        </FormDialog>
      )}
      {gone !== undefined && (
        <Confirm
          title={`Remove ${gone} as an owner?`}
          action="Remove"
          onClose={() => (removing.value = undefined)}
          run={async () => {
            await ask(`${path}/owners/${encodeURIComponent(gone)}`, { method: "DELETE" });
            notify(`${gone} owns ${name} no longer`);
            changed();
          }}
        >
          <p>What teams and organisations give them stays.</p>
        </Confirm>
      )}
    </>
  );
}
