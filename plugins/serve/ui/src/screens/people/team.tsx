import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Loaded } from "../../parts/state.tsx";
import { failureOf, useResource } from "../../resource.ts";
import { href } from "../../router.ts";

export interface TeamItem {
  readonly name: string;
  readonly description: string;
}

/** the team that every organisation has, which stays */
const developers = "developers";

/** One team: who is in it, and what it may do to which packages. */
export function Team({
  org,
  name,
  description,
  members,
  onRemove,
}: TeamItem & {
  readonly org: string;
  readonly members: object;
  readonly onRemove: () => void;
}) {
  const path = `/-/team/${encodeURIComponent(org)}/${encodeURIComponent(name)}`;
  const users = useResource(
    (signal) => ask<readonly { readonly name: string }[]>(`${path}/user`, { signal }),
    [members],
  );
  const packages = useResource((signal) =>
    ask<Readonly<Record<string, "read" | "write">>>(`${path}/package`, { signal }),
  );
  const adding = useSignal<"user" | "package" | undefined>(undefined);
  const what = useSignal("");
  const right = useSignal("read-only");
  const take = async (kind: "user" | "package", one: string): Promise<void> => {
    try {
      await ask(`${path}/${kind}`, { method: "DELETE", body: { [kind]: one } });
      notify(`${one} is taken from ${name}`);
    } catch (error) {
      notify(failureOf(error).message, "bad");
    }
    (kind === "user" ? users : packages).reload();
  };
  const add = (kind: "user" | "package") => (): void => {
    what.value = "";
    adding.value = kind;
  };
  const kind = adding.value;
  return (
    <article class="card" aria-label={`Team ${name}`}>
      <h3>{name}</h3>
      {description !== "" && <p class="faint">{description}</p>}
      <h4>Members</h4>
      <Loaded of={users}>
        {(items) => (
          <List
            team={name}
            items={items.map((user) => user.name)}
            none="Nobody is in it."
            onTake={(one) => void take("user", one)}
          />
        )}
      </Loaded>
      <h4>Packages</h4>
      <Loaded of={packages}>
        {(rights) => (
          <List
            team={name}
            items={Object.keys(rights)}
            none="Nothing is granted to it."
            about={(one) => (rights[one] === "write" ? "read and write" : "read only")}
            onTake={(one) => void take("package", one)}
          />
        )}
      </Loaded>
      <div class="row">
        <button type="button" aria-label={`Add a member to ${name}`} onClick={add("user")}>
          Add a member
        </button>
        <button type="button" aria-label={`Grant a package to ${name}`} onClick={add("package")}>
          Grant a package
        </button>
        {name !== developers && (
          <button
            type="button"
            class="danger"
            aria-label={`Remove the team ${name}`}
            onClick={onRemove}
          >
            Remove
          </button>
        )}
      </div>
      {kind && (
        <FormDialog
          title={kind === "user" ? `Add a member to ${name}` : `Grant a package to ${name}`}
          action={kind === "user" ? "Add" : "Grant"}
          onClose={() => (adding.value = undefined)}
          send={async () => {
            const body = {
              [kind]: what.value.trim(),
              ...(kind === "package" && { permissions: right.value }),
            };
            await ask(`${path}/${kind}`, { method: "PUT", body });
            notify(`${what.value.trim()} is with ${name}`);
            adding.value = undefined;
            (kind === "user" ? users : packages).reload();
          }}
        >
          <Field
            label={kind === "user" ? "User" : "Package"}
            help={kind === "user" ? "A member of the organisation." : "Its whole name."}
            value={what.value}
            required
            onInput={(text) => (what.value = text)}
          />
          {kind === "package" && (
            <div class="field">
              <label for="right">Right</label>
              <select
                id="right"
                value={right.value}
                onChange={(event) => (right.value = event.currentTarget.value)}
              >
                <option>read-only</option>
                <option>read-write</option>
              </select>
            </div>
          )}
        </FormDialog>
      )}
    </article>
  );
}

const List = ({
  team,
  items,
  none,
  about,
  onTake,
}: {
  readonly team: string;
  readonly items: readonly string[];
  readonly none: string;
  /** what it may; of packages, which have a page */
  readonly about?: (one: string) => string;
  readonly onTake: (one: string) => void;
}) =>
  items.length === 0 ? (
    <p class="faint">{none}</p>
  ) : (
    <ul class="plain">
      {items.map((one) => (
        <li key={one}>
          <span>
            {about ? <a href={href(`/package/${one}`)}>{one}</a> : one}{" "}
            {about && <span class="faint">{about(one)}</span>}
          </span>
          <button
            type="button"
            class="quiet square"
            aria-label={`Take ${one} from ${team}`}
            onClick={() => onTake(one)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
