import { allows } from "../access/may.ts";
import { CitadelError } from "../errors.ts";
import { actorOf, demand, packageNotFound, type Context } from "./context.ts";
import { checkName } from "./names.ts";
import type { Registry } from "./types.ts";

/** See {@link Registry.star}. */
export function starrer(context: Context): Registry["star"] {
  return async function star(name, on, caller) {
    const { principal } = caller;
    checkName(name);
    if (principal.kind === "anonymous")
      throw new CitadelError("E_AUTH_REQUIRED", `you must be signed in to star ${name}`);
    if (!allows(principal.grant, "write", name))
      throw new CitadelError("E_FORBIDDEN", `this token may only read; it cannot star ${name}`);
    const policy = await context.policy();
    const document = await context.packages.change(name, actorOf(caller), (state) => {
      if (!state || state.versions.size === 0) throw packageNotFound(name);
      demand(policy, caller, "read", name, state);
      const user = principal.name;
      return state.stars.includes(user) === on ? [] : [{ type: "star", user, on }];
    });
    if (!document) throw packageNotFound(name);
    return document;
  };
}
