import { CitadelError, type Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import type { Visit } from "../npm/room.ts";
import { demandCode } from "./second-factor.ts";

/** The one-time code of a publish, where the user or one of the packages wants one. @throws E_OTP_REQUIRED, E_FORBIDDEN */
export async function demandCodeFor(
  visit: Visit,
  names: readonly string[],
  caller: Caller,
): Promise<void> {
  await demandCode(
    visit,
    (await wantsCode(visit.shared.citadel, names, caller)) ? "approve" : "write",
  );
}

/**
 * Whether a publish needs a code whatever the mode of the user's second factor: packages may want one from everybody (`npm access
 * set mfa=publish`), or from everybody but machines (`mfa=automation`). Trusted pipelines have proved themselves otherwise.
 * @throws E_FORBIDDEN for who cannot have a code
 */
export async function wantsCode(
  { accounts, registry }: Pick<Citadel, "accounts" | "registry">,
  names: readonly string[],
  caller: Caller,
): Promise<boolean> {
  const { principal } = caller;
  if (principal.kind !== "user") return false;
  let wanted = false;
  for (const name of names) {
    const tfa = (await registry.known(name, caller))?.state.tfa;
    if (tfa === undefined || (tfa === "automation" && principal.automation)) continue;
    if (principal.automation)
      throw new CitadelError(
        "E_FORBIDDEN",
        `${name} takes no versions from tokens made for machines`,
        { hint: [`an owner may allow them: npm access set mfa=automation ${name}`] },
      );
    if (!(await accounts.user(principal.name))?.secondFactor)
      throw new CitadelError("E_FORBIDDEN", `a publish of ${name} needs a second factor`, {
        hint: ["turn it on: npm profile enable-2fa auth-and-writes"],
      });
    wanted = true;
  }
  return wanted;
}
