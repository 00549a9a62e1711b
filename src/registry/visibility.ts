import { CitadelError } from "../errors.ts";
import { changePackage, type Context } from "./context.ts";
import { scopeOf } from "./names.ts";
import type { Registry } from "./types.ts";

/** See {@link Registry.setVisibility}, {@link Registry.setTfa} and {@link Registry.setTeam}: what owners decide besides owners. */
export function visibility(
  context: Context,
): Pick<Registry, "setVisibility" | "setTfa" | "setTeam"> {
  return {
    async setVisibility(name, visibility, caller) {
      if (visibility === "restricted") checkRestrictable(name);
      return changePackage(
        context,
        name,
        caller,
        (state) =>
          (state.visibility ?? "public") === visibility ? [] : [{ type: "visibility", visibility }],
        "admin",
      );
    },

    setTfa: (name, tfa, caller) =>
      changePackage(
        context,
        name,
        caller,
        (state) => ((state.tfa ?? "none") === tfa ? [] : [{ type: "tfa", tfa }]),
        "admin",
      ),

    setTeam: (name, team, right, caller) =>
      changePackage(
        context,
        name,
        caller,
        (state) =>
          (state.teams?.get(team) ?? "none") === right ? [] : [{ type: "team", team, right }],
        "admin",
      ),
  };
}

/** As everywhere: a name without a scope is everybody's. @throws E_INVALID_DOCUMENT */
export function checkRestrictable(name: string): void {
  if (scopeOf(name) === undefined)
    throw new CitadelError(
      "E_INVALID_DOCUMENT",
      `${name} has no scope, so it cannot be restricted`,
      {
        hint: [
          "publish it below a scope, or close a pattern of names: citadel registry:access:set",
        ],
      },
    );
}
