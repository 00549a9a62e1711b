import { CitadelError } from "../errors.ts";
import { scopeKind, type ScopeState } from "../registry/kind.ts";
import { scopeOf } from "../registry/names.ts";
import type { Actor, Store } from "../store/types.ts";
import type { Accounts } from "./state.ts";
import type { Principal, ScopeHolder } from "./types.ts";

/** Whose the scopes of names are. */
export interface Scopes {
  /** Whose the scope of a name is: who claimed it, else the user of the same name; undefined when nobody has it or there is none. */
  holder(name: string): Promise<ScopeHolder | undefined>;
  /** Gives a scope to a user unless somebody has claimed it. @returns whose it is now */
  claim(scope: string, owner: string, who: Actor): Promise<ScopeHolder>;
  /**
   * Gives a scope to the organisation of its name. One that the founder has already becomes the organisation's.
   * @throws E_FORBIDDEN when it is somebody else's
   */
  claimForOrg(org: string, founder: Principal, who: Actor): Promise<void>;
}

export function createScopes({
  store,
  accounts,
}: {
  readonly store: Store;
  readonly accounts: Pick<Accounts, "user">;
}): Scopes {
  const scopes = store.ledger(scopeKind());
  return {
    async holder(name) {
      const scope = scopeOf(name);
      if (scope === undefined) return undefined;
      const claim = (await scopes.read(scope))?.state;
      if (claim) return holderOf(claim);
      return (await accounts.user(scope)) && { kind: "user", name: scope };
    },

    async claim(scope, owner, who) {
      const claimed = await scopes.change(scope, who, (state) =>
        state ? [] : [{ type: "claim", owner }],
      );
      return holderOf(claimed?.state ?? { owner });
    },

    async claimForOrg(org, founder, who) {
      if (await accounts.user(org))
        throw new CitadelError("E_FORBIDDEN", `${org} is the name of a user`, {
          hint: ["choose another name for the organisation"],
        });
      await scopes.change(org, who, (state) => {
        // of two founders the second one, or one whose organisation was not finished
        const holder = state?.founder ?? state?.owner;
        if (holder !== undefined && holder !== founder.name && !founder.admin)
          throw new CitadelError("E_FORBIDDEN", `the scope @${org} belongs to ${holder}`, {
            hint: [`ask ${holder} to make the organisation: npm org set ${org} <user>`],
          });
        return state?.founder === undefined
          ? [{ type: "claim", owner: org, founder: founder.name }]
          : [];
      });
    },
  };
}

const holderOf = ({ owner, founder }: Pick<ScopeState, "owner" | "founder">): ScopeHolder => ({
  kind: founder === undefined ? "user" : "org",
  name: owner,
});
