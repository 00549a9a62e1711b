import type { Caller } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import { demand, type Context } from "./context.ts";
import { checkName } from "./names.ts";
import type { Registry } from "./types.ts";

/** See {@link Registry.elsewhere}. */
export function claims(context: Context): Pick<Registry, "elsewhere"> {
  return {
    async elsewhere(name, caller) {
      demand(await context.policy(), caller, "read", checkName(name), undefined);
      return (await context.packages.glance(name)) === undefined;
    },
  };
}

/**
 * Nobody hides a package of an upstream by accident, or on purpose: its name is free only where it is claimed here, or when an
 * administrator takes it in so many words.
 * @throws E_NAME_UPSTREAM, E_FORBIDDEN; E_REMOTE_* when upstream does not say
 */
export async function demandFree(
  { upstreamOf }: Pick<Context, "upstreamOf">,
  name: string,
  { principal }: Caller,
  claim: boolean,
): Promise<void> {
  if (!upstreamOf) return;
  if (claim && !principal.admin && principal.kind !== "local")
    throw new CitadelError("E_FORBIDDEN", "only an administrator claims a name of an upstream");
  const upstream = claim ? undefined : await upstreamOf(name);
  if (upstream !== undefined)
    throw new CitadelError(
      "E_NAME_UPSTREAM",
      `${name} comes from upstream ${upstream}; a package of that name here would hide it`,
    );
}
