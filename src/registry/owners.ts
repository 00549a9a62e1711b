import { CitadelError } from "../errors.ts";
import { changeRevision, type Context } from "./context.ts";
import { checkName } from "./names.ts";
import type { PackageEvent, PackageState, Registry } from "./types.ts";

/** See {@link Registry.setOwners}. */
export function ownership(context: Context): Registry["setOwners"] {
  return async function setOwners(name, owners, caller, { rev } = {}) {
    const wanted = [...new Set(owners)];
    if (wanted.length === 0)
      throw new CitadelError("E_INVALID_DOCUMENT", `${name} must keep at least one owner`, {
        hint: [`add somebody else first: npm owner add <user> ${name}`],
      });
    const known = await context.packages.read(checkName(name));
    const users = await Promise.all(
      wanted.map(
        async (owner) => known?.state.owners.includes(owner) || context.accounts.user(owner),
      ),
    );
    const decide = (state: PackageState): PackageEvent[] => {
      const stranger = wanted.find((owner, i) => !users[i] && !state.owners.includes(owner));
      if (stranger !== undefined)
        throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(stranger)}`);
      return wanted.join() === state.owners.join() ? [] : [{ type: "owners", owners: wanted }];
    };
    return changeRevision(context, name, caller, rev, decide, "admin");
  };
}
