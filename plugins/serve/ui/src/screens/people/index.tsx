import type { Screen } from "../../screens.ts";
import { Page } from "../../parts/page.tsx";
import { Org } from "./org.tsx";
import { Orgs } from "./orgs.tsx";
import { Users } from "./users.tsx";

/** Accounts and organisations; below an organisation its members and teams. */
const PeopleScreen: Screen = ({ params: { org } }) =>
  org === undefined ? (
    <Page title="People" lead="Who has an account here, and the organisations that they are in.">
      <Users />
      <Orgs />
    </Page>
  ) : (
    <Org key={org} name={org} />
  );
export default PeopleScreen;
