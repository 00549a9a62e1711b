import { isIP } from "node:net";
import { CitadelError } from "@citadel/core/errors";
import { actions, type Action } from "@citadel/core/vault";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

/** Arguments and flags that say what somebody wants to do. */
export const requestArgs = {
  action: text({ required: true, ignoreStdin: true, options: [...actions], description: "what" }),
  name: text({ required: true, ignoreStdin: true, description: "with which secret" }),
};
export const requestFlags = {
  scope: string({ char: "s", helpValue: "<scope>", default: "default", description: "scope" }),
  role: string({
    helpValue: "<role>",
    description: "somebody of this role; user:, team: and oidc: ask a server",
  }),
  claim: string({
    multiple: true,
    helpValue: "<name=text>",
    description: "with this claim of an ID token: sub=repo:acme/app:ref:refs/heads/main",
  }),
  address: string({ helpValue: "<ip>", description: "from this address" }),
  at: string({ helpValue: "<date>", description: "at this time; now by default" }),
};

interface Asked {
  readonly role?: string | undefined;
  readonly claim?: readonly string[] | undefined;
  readonly address?: string | undefined;
  readonly at?: string | undefined;
}

/** What the flags say of the request. @throws E_USAGE */
export function requestOf({ role, claim, address, at }: Asked) {
  const now = at === undefined ? undefined : Date.parse(at);
  if (Number.isNaN(now)) throw new CitadelError("E_USAGE", "--at is no date");
  if (address !== undefined && isIP(address) === 0)
    throw new CitadelError("E_USAGE", "--address is no IP address");
  return {
    ...(role !== undefined && { role }),
    ...(role !== undefined &&
      /^(?:user|team|oidc):/.test(role) && { callers: [role], viaBroker: true }),
    ...(claim && { oidc: Object.fromEntries(claim.map(claimOf)) }),
    ...(address !== undefined && { address }),
    ...(now !== undefined && { now }),
  };
}

function claimOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new CitadelError("E_USAGE", "--claim is <name>=<text>");
}

export const isAction = (word: string): word is Action => actions.includes(word as Action);

/** How strong the rules are: stands beside every answer. */
export const strength = "rules stop mistakes and leave a trace; only keys cannot be got around";

/** The answer in one line. */
export function answer(allowed: boolean, by: string | undefined): string {
  if (by !== undefined) return `${allowed ? "allowed" : "denied"}: by ${by}`;
  return allowed ? "allowed: there are no rules" : "denied: no statement allows it";
}
