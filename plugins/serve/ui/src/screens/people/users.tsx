import { useSignal } from "@preact/signals";
import type { UserItem } from "../../../../src/api/people.ts";
import { ask } from "../../api.ts";
import { notify } from "../../announce.ts";
import { Badge, Time } from "../../parts/badge.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { session } from "../../session.ts";
import { usePages } from "./pages.ts";
import { Turn } from "./turn.tsx";

interface Change {
  readonly title: string;
  readonly action: string;
  readonly means: string;
  readonly done: string;
  readonly body?: { readonly admin?: boolean; readonly disabled?: boolean };
}

/** What can be done to an account. */
const changes = ({ name, admin, disabled }: UserItem): readonly Change[] => [
  admin
    ? {
        title: `Take the rights of an administrator from ${name}?`,
        action: "Revoke administrator",
        means: "What they own and the teams that they are in stay as they are.",
        done: `${name} is no administrator any more`,
        body: { admin: false },
      }
    : {
        title: `Make ${name} an administrator?`,
        action: "Make administrator",
        means: "Administrators may do everything, also to other administrators.",
        done: `${name} is an administrator`,
        body: { admin: true },
      },
  disabled
    ? {
        title: `Let ${name} in again?`,
        action: "Enable",
        means: "Their password and their tokens work again.",
        done: `${name} may log in again`,
        body: { disabled: false },
      }
    : {
        title: `Disable ${name}?`,
        action: "Disable",
        means:
          "Neither password nor tokens work until it is undone, and sessions end at once. Packages stay.",
        done: `${name} is locked out`,
        body: { disabled: true },
      },
  {
    title: `Remove ${name}?`,
    action: "Remove",
    means: "The account and its tokens are gone; the name stays taken. This cannot be taken back.",
    done: `${name} is removed`,
  },
];

/** Every account, a page at a time. */
export function Users() {
  const users = usePages<UserItem>("/_api/people/users");
  const doing = useSignal<{ readonly name: string; readonly change: Change } | undefined>(
    undefined,
  );
  const now = doing.value;
  return (
    <section aria-labelledby="users">
      <h2 id="users">Users</h2>
      <Loaded of={users.page} what="Loading users">
        {({ items }) =>
          items.length === 0 && !users.later ? (
            <Empty icon="user" title="There are no users">
              <p>
                <code>citadel registry:user:create</code> makes one, and so does{" "}
                <code>npm login</code> where people may sign up.
              </p>
            </Empty>
          ) : (
            <Table label="Users" head={["Name", "Is", "Made", "Actions"]}>
              {items.map((user) => (
                <tr key={user.name}>
                  <th scope="row">
                    {user.name}
                    <div class="faint">{user.email}</div>
                  </th>
                  <td>
                    <Is {...user} />
                  </td>
                  <td class="nowrap">
                    <Time at={user.created} />
                  </td>
                  <td>
                    {session.value?.user === user.name && session.value.kind === "user" ? (
                      <span class="faint">this is you</span>
                    ) : (
                      <div class="row">
                        {changes(user).map((change) => (
                          <button
                            key={change.action}
                            type="button"
                            class={change.body ? "" : "danger"}
                            aria-label={`${change.action}: ${user.name}`}
                            onClick={() => (doing.value = { name: user.name, change })}
                          >
                            {change.action}
                          </button>
                        ))}
                      </div>
                    )}
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      <Turn of={users} what="users" />
      {now && (
        <Confirm
          title={now.change.title}
          action={now.change.action}
          onClose={() => (doing.value = undefined)}
          run={async () => {
            const { body, done } = now.change;
            await ask(`/_api/people/users/${encodeURIComponent(now.name)}`, {
              method: body ? "PUT" : "DELETE",
              ...(body && { body }),
            });
            notify(done);
            users.page.reload();
          }}
        >
          <p>{now.change.means}</p>
        </Confirm>
      )}
    </section>
  );
}

const Is = ({ admin, disabled, secondFactor }: UserItem) => (
  <div class="row">
    {admin && (
      <Badge tone="accent" icon="key">
        administrator
      </Badge>
    )}
    {disabled && (
      <Badge tone="bad" icon="stop">
        disabled
      </Badge>
    )}
    {secondFactor && (
      <Badge tone="good" icon="check">
        second factor
      </Badge>
    )}
    {!admin && !disabled && !secondFactor && "–"}
  </div>
);
