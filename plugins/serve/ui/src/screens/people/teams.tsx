import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Loaded } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import { Team, type TeamItem } from "./team.tsx";

/** The teams of an organisation. */
export function Teams({
  org,
  members,
}: {
  readonly org: string;
  /** a change of who is in the organisation is one of its teams */
  readonly members: object;
}) {
  const path = `/-/org/${encodeURIComponent(org)}/team`;
  const teams = useResource((signal) => ask<readonly TeamItem[]>(path, { signal }), [members]);
  const making = useSignal(false);
  const name = useSignal("");
  const description = useSignal("");
  const removing = useSignal<string | undefined>(undefined);
  const gone = removing.value;
  return (
    <section aria-labelledby="teams">
      <div class="section-head">
        <h2 id="teams">Teams</h2>
        <button type="button" onClick={() => (making.value = true)}>
          New team
        </button>
      </div>
      <Loaded of={teams} what="Loading teams">
        {(items) => (
          <div class="columns">
            {items.map((team) => (
              <Team
                key={team.name}
                org={org}
                {...team}
                members={members}
                onRemove={() => (removing.value = team.name)}
              />
            ))}
          </div>
        )}
      </Loaded>
      {making.value && (
        <FormDialog
          title="New team"
          action="Make the team"
          onClose={() => (making.value = false)}
          send={async () => {
            const body = { name: name.value.trim(), description: description.value };
            await ask(path, { method: "PUT", body });
            notify(`There is a team ${body.name}`);
            name.value = description.value = "";
            making.value = false;
            teams.reload();
          }}
        >
          <Field label="Name" value={name.value} required onInput={(text) => (name.value = text)} />
          <Field
            label="Description"
            value={description.value}
            onInput={(text) => (description.value = text)}
          />
        </FormDialog>
      )}
      {gone !== undefined && (
        <Confirm
          title={`Remove the team ${gone}?`}
          action="Remove"
          onClose={() => (removing.value = undefined)}
          run={async () => {
            await ask(`/-/team/${encodeURIComponent(org)}/${encodeURIComponent(gone)}`, {
              method: "DELETE",
            });
            notify(`The team ${gone} is removed`);
            teams.reload();
          }}
        >
          <p>What was granted to it is gone with it, and does not come back with its name.</p>
        </Confirm>
      )}
    </section>
  );
}
