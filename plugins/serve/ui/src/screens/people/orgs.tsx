import { useSignal } from "@preact/signals";
import type { OrgItem } from "../../../../src/api/people.ts";
import { ask } from "../../api.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { count } from "../../format.ts";
import { go, href } from "../../router.ts";
import { usePages } from "./pages.ts";
import { Turn } from "./turn.tsx";

const bare = (name: string): string => name.trim().replace(/^@/, "");

/** Every organisation; each has a page of its own. */
export function Orgs() {
  const orgs = usePages<OrgItem>("/_api/people/orgs");
  const making = useSignal(false);
  return (
    <section aria-labelledby="orgs">
      <div class="section-head">
        <h2 id="orgs">Organisations</h2>
        <button type="button" onClick={() => (making.value = true)}>
          New organisation
        </button>
      </div>
      <Loaded of={orgs.page} what="Loading organisations">
        {({ items }) =>
          items.length === 0 && !orgs.later ? (
            <Empty icon="list" title="There are no organisations">
              <p>
                An organisation has the scope of its name, and teams that packages are granted to.
              </p>
            </Empty>
          ) : (
            <Table label="Organisations" head={["Name", "#Members", "#Teams"]}>
              {items.map(({ name, members, teams }) => (
                <tr key={name}>
                  <th scope="row">
                    <a href={href(`/people/${name}`)}>@{name}</a>
                  </th>
                  <td class="number">{count(members)}</td>
                  <td class="number">{count(teams)}</td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      <Turn of={orgs} what="organisations" />
      {making.value && <NewOrg onClose={() => (making.value = false)} />}
    </section>
  );
}

function NewOrg({ onClose }: { readonly onClose: () => void }) {
  const name = useSignal("");
  const owner = useSignal("");
  const send = async (): Promise<void> => {
    const org = bare(name.value);
    await ask(`/-/org/${encodeURIComponent(org)}/user`, {
      method: "PUT",
      body: { user: bare(owner.value), role: "owner" },
    });
    go(`/people/${org}`);
  };
  return (
    <FormDialog title="New organisation" action="Make it" onClose={onClose} send={send}>
      <Field
        label="Name"
        help="Packages below this scope are the organisation's."
        value={name.value}
        required
        onInput={(text) => (name.value = text)}
      />
      <Field
        label="Owner"
        help="The user who says who is in it."
        value={owner.value}
        required
        onInput={(text) => (owner.value = text)}
      />
    </FormDialog>
  );
}
