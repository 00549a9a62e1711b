import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { Time } from "../../parts/badge.tsx";
import { CopyLine } from "../../parts/copy.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Page } from "../../parts/page.tsx";
import { Empty, Loaded } from "../../parts/state.tsx";
import { Table } from "../../parts/table.tsx";
import { useResource } from "../../resource.ts";
import { href } from "../../router.ts";
import type { Screen } from "../../screens.ts";
import { session } from "../../session.ts";
import { HookForm } from "./form.tsx";
import { hears, type Hook } from "./hook.ts";
import { OneHook } from "./one.tsx";
import { Status } from "./status.tsx";

/** Every hook, and below each what was told. */
const HooksScreen: Screen = ({ params: { id } }) =>
  id === undefined ? <AllHooks /> : <OneHook key={id} id={id} />;
export default HooksScreen;

function AllHooks() {
  const hooks = useResource((signal) =>
    ask<{ readonly objects: readonly Hook[] }>("/-/npm/v1/hooks", { signal }),
  );
  const making = useSignal(false);
  const secret = useSignal<string | undefined>(undefined);
  return (
    <Page
      title="Webhooks"
      lead="Addresses that are called when something happens here."
      actions={
        // a hook is an account's, and hears what that may read
        session.value?.kind === "user" && (
          <button type="button" onClick={() => (making.value = true)}>
            New webhook
          </button>
        )
      }
    >
      {session.value?.kind === "local" && (
        <p class="faint">
          A webhook belongs to an account: sign in with one to make some here, or use{" "}
          <code>citadel registry:hooks:add</code>.
        </p>
      )}
      <Loaded of={hooks} what="Loading webhooks">
        {({ objects }) =>
          objects.length === 0 ? (
            <Empty icon="external" title="There are no webhooks">
              <p>A chat is told, a build begins, a mirror fetches: as soon as something happens.</p>
            </Empty>
          ) : (
            <Table label="Webhooks" head={["Address", "Hears of", "Owner", "State", "Last call"]}>
              {objects.map((hook) => (
                <tr key={hook.id}>
                  <th scope="row">
                    <a href={href(`/hooks/${hook.id}`)}>{new URL(hook.endpoint).host}</a>
                  </th>
                  <td>{hears(hook)}</td>
                  <td>{hook.username}</td>
                  <td class="nowrap">
                    <Status {...hook} />
                  </td>
                  <td class="nowrap">
                    {hook.last_delivery === null ? "never" : <Time at={hook.last_delivery} />}
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      {making.value && (
        <HookForm
          onClose={() => (making.value = false)}
          onMade={(made) => {
            making.value = false;
            secret.value = made;
            hooks.reload();
          }}
        />
      )}
      {secret.value !== undefined && (
        <Dialog title="The secret of the webhook" onClose={() => (secret.value = undefined)}>
          <p>
            Calls are signed with it. This is the only time that it is shown: give it to the program
            at the address now.
          </p>
          <CopyLine text={secret.value} what="the secret" />
        </Dialog>
      )}
    </Page>
  );
}
