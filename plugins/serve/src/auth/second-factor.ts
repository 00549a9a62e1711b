import { CitadelError } from "@citadel/core";
import { codeNeeded, type Accounts, type Principal } from "@citadel/core/access";
import { actorOf } from "@citadel/core/registry";
import { callerOf } from "../context.ts";
import { CodeChallenge } from "../http/errors.ts";
import type { Visit } from "../npm/room.ts";
import { askingOf } from "./asking.ts";
import { isApproved, type CodeOf } from "./approvals.ts";
import type { Need } from "./need.ts";

/**
 * Lets a request go on that needs no code, or has a good one, which is used up. Tokens made for machines need none, and cannot
 * change the account.
 * @throws E_OTP_REQUIRED with addresses for an approval in the browser where the client can follow them, E_FORBIDDEN
 */
export async function demandCode(visit: Visit, need: Need): Promise<void> {
  if (need === "none" || need === "later") return;
  const { asked, shared } = visit;
  const { accounts } = shared.citadel;
  const caller = await callerOf(shared, asked);
  const { principal } = caller;
  if (need === "credential" && principal.automation && principal.grant?.manage) return;
  if (need !== "write" && principal.automation)
    throw notWithThis("a token made for machines cannot do this");
  if (need === "account" && principal.grant)
    throw notWithThis("the account cannot be changed with this token");
  if (!(await needsCode(accounts, principal, need === "write"))) return;

  const code = asked.header("npm-otp") ?? "";
  const of: CodeOf = {
    user: principal.name,
    token: principal.token ?? "",
    action: `${asked.method} ${visit.path}`,
  };
  if (code === "") throw await challenge(visit, of);
  if (isApproved(code)) {
    if (!(await shared.approvals.use(code, of))) throw codeNeeded();
  } else await accounts.checkCode(principal.name, code, actorOf(caller));
}

/** Whether somebody needs a code, for a mere write or for more. */
export async function needsCode(
  accounts: Pick<Accounts, "user">,
  { kind, automation, name, token }: Principal,
  write: boolean,
): Promise<boolean> {
  if (kind !== "user" || automation) return false;
  const { secondFactor } = (await accounts.user(name)) ?? {};
  // a password alone is a log-in of its own
  return secondFactor !== undefined && !(write && secondFactor.mode === "auth-only" && token !== undefined); // prettier-ignore
}

async function challenge({ asked, shared, site }: Visit, code: CodeOf): Promise<CitadelError> {
  if (asked.header("npm-auth-type") !== "web") return codeNeeded();
  const { id, poll } = await shared.approvals.open({ asking: askingOf(shared, asked), code });
  return new CodeChallenge(codeNeeded(), addressesOf(site.base, id, poll));
}

/** Where a person approves, and where the client asks what became of it. */
export function addressesOf(
  base: string,
  id: string,
  poll: string,
): { readonly authUrl: string; readonly doneUrl: string } {
  return { authUrl: `${base}-/auth/${id}`, doneUrl: `${base}-/v1/done?id=${id}&poll=${poll}` };
}

const notWithThis = (message: string): CitadelError =>
  new CitadelError("E_FORBIDDEN", message, { hint: ["log in: npm login"] });
