import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Page } from "../parts/page.tsx";
import { Failed, NeedsSignIn, Wait } from "../parts/state.tsx";
import { failureOf } from "../resource.ts";
import { href, path } from "../router.ts";
import { routeOf, type Route, type Screen } from "../screens.ts";
import { isAdmin, loadSession, session, sessionFailure } from "../session.ts";

/** The screen of the address. */
export function Outlet() {
  const shown = useSignal<{ readonly route: Route; readonly screen: Screen } | undefined>(
    undefined,
  );
  const failed = useSignal<unknown>(undefined);
  const found = routeOf(path.value);
  const route = found?.route;
  useEffect(() => {
    failed.value = undefined;
    let here = true;
    route?.load().then(
      ({ default: screen }) => {
        if (here) shown.value = { route, screen };
      },
      (error: unknown) => (failed.value = error),
    );
    return () => {
      here = false;
    };
  }, [route]);

  if (sessionFailure.value && !session.value)
    return (
      <Page title="The registry is not available">
        <Failed failure={sessionFailure.value} again={() => void loadSession()} />
      </Page>
    );
  if (!found) return <Nowhere />;
  if (failed.value !== undefined)
    return (
      <Page title="This page did not load">
        <Failed failure={failureOf(failed.value)} again={() => location.reload()} />
      </Page>
    );
  if (!session.value || !shown.value) return <Wait />;
  if (route?.admin !== undefined && !isAdmin.value)
    return (
      <Page title={route.admin}>
        <NeedsSignIn
          what={
            session.value.user === null
              ? "only an administrator sees this"
              : `${session.value.user} is no administrator, or this session may not be one`
          }
        />
      </Page>
    );
  const { screen: Shown } = shown.value;
  return <Shown params={shown.value.route === route ? found.params : {}} />;
}

const Nowhere = () => (
  <Page title="There is nothing here">
    <p>
      No page of the dashboard has this address. <a href={href("/")}>To the packages</a>
    </p>
  </Page>
);
