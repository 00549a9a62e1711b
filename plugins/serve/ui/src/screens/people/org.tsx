import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Page } from "../../parts/page.tsx";
import { Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { failureOf, useResource } from "../../resource.ts";
import { href } from "../../router.ts";
import { Teams } from "./teams.tsx";

const roles = ["owner", "admin", "developer"] as const;
type Role = (typeof roles)[number];

/** One organisation: who is in it, and its teams. */
export function Org({ name }: { readonly name: string }) {
  const path = `/-/org/${encodeURIComponent(name)}/user`;
  const members = useResource((signal) => ask<Readonly<Record<string, Role>>>(path, { signal }));
  const adding = useSignal(false);
  const removing = useSignal<string | undefined>(undefined);
  const user = useSignal("");
  const role = useSignal<string>("developer");
  const gone = removing.value;
  const give = async (to: string, as: string): Promise<void> => {
    try {
      await ask(path, { method: "PUT", body: { user: to, role: as } });
      notify(`${to} is now: ${as}`);
    } catch (error) {
      notify(failureOf(error).message, "bad");
    }
    members.reload();
  };
  return (
    <Page
      title={`@${name}`}
      lead="An organisation: its owners say who is in it, its owners and admins make teams."
      actions={
        <a class="button" href={href("/people")}>
          All people
        </a>
      }
    >
      <section aria-labelledby="members">
        <div class="section-head">
          <h2 id="members">Members</h2>
          <button type="button" onClick={() => (adding.value = true)}>
            Add a member
          </button>
        </div>
        <Loaded of={members} what="Loading members">
          {(now) => (
            <Table label="Members" head={["Name", "Role", "Action"]}>
              {Object.entries(now).map(([one, is]) => (
                <tr key={one}>
                  <th scope="row">{one}</th>
                  <td>
                    <RoleOf
                      label={`Role of ${one}`}
                      value={is}
                      onChange={(as) => void give(one, as)}
                    />
                  </td>
                  <td>
                    <button
                      type="button"
                      class="danger"
                      aria-label={`Remove ${one}`}
                      onClick={() => (removing.value = one)}
                    >
                      Remove
                    </button>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Loaded>
      </section>
      {members.now.value.value && <Teams org={name} members={members.now.value.value} />}
      {adding.value && (
        <FormDialog
          title="Add a member"
          action="Add"
          onClose={() => (adding.value = false)}
          send={async () => {
            const who = user.value.trim().replace(/^@/, "");
            await ask(path, { method: "PUT", body: { user: who, role: role.value } });
            notify(`${who} is in ${name}`);
            user.value = "";
            adding.value = false;
            members.reload();
          }}
        >
          <Field label="User" value={user.value} required onInput={(text) => (user.value = text)} />
          <div class="field">
            <label for="role">Role</label>
            <RoleOf id="role" value={role.value} onChange={(as) => (role.value = as)} />
          </div>
        </FormDialog>
      )}
      {gone !== undefined && (
        <Confirm
          title={`Remove ${gone} from ${name}?`}
          action="Remove"
          onClose={() => (removing.value = undefined)}
          run={async () => {
            await ask(path, { method: "DELETE", body: { user: gone } });
            notify(`${gone} is no longer in ${name}`);
            members.reload();
          }}
        >
          <p>
            They leave its teams, and no longer own packages below <code>@{name}/</code>.
          </p>
        </Confirm>
      )}
    </Page>
  );
}

const RoleOf = ({
  id,
  label,
  value,
  onChange,
}: {
  readonly id?: string;
  readonly label?: string;
  readonly value: string;
  readonly onChange: (role: string) => void;
}) => (
  <select
    {...(id !== undefined && { id })}
    {...(label !== undefined && { "aria-label": label })}
    value={value}
    onChange={(event) => onChange(event.currentTarget.value)}
  >
    {roles.map((role) => (
      <option key={role}>{role}</option>
    ))}
  </select>
);
