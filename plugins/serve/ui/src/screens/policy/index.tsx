import { ask } from "../../api.ts";
import { Page } from "../../parts/page.tsx";
import { Loaded } from "../../parts/state.tsx";
import { useResource } from "../../resource.ts";
import type { ScreenProps } from "../../screens.ts";
import { Exceptions, Refusals, Requests } from "./exceptions.tsx";
import { Rules } from "./rules.tsx";
import { StagedVersion } from "./staged-version.tsx";
import { Waiting, type Staged } from "./staged.tsx";
import { policyPath, type Policy } from "./types.ts";

/** What waits for somebody to decide: requests, refused versions of other registries, staged versions of this one. */
export default function PolicyScreen({ params: { id } }: ScreenProps) {
  return id === undefined ? <Overview /> : <StagedVersion key={id} id={id} />;
}

function Overview() {
  const policy = useResource((signal) => ask<Policy>(policyPath, { signal }));
  const staged = useResource((signal) =>
    ask<{ readonly items: readonly Staged[] }>("/-/stage", { signal }),
  );
  return (
    <Page
      title="Policy"
      lead="Which versions of other registries are served, what was refused, and what waits for a decision."
    >
      <h2>Versions that wait for approval</h2>
      <Loaded of={staged}>
        {({ items }) => <Waiting items={items} changed={staged.reload} />}
      </Loaded>
      <Loaded of={policy}>
        {(now) => (
          <>
            <Requests now={now} changed={policy.reload} />
            <Refusals now={now} changed={policy.reload} />
            <Exceptions now={now} changed={policy.reload} />
            <Rules now={now} changed={policy.reload} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
