import { parseDuration } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import { iso } from "@citadel/core/secrets";
import type { Column } from "@citadel/core/terminal";
import type { Exposed, MemberInfo } from "@citadel/core/vault";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

export const memberArg = text({
  required: true,
  ignoreStdin: true,
  description: "name of the member, or the beginning of its id",
});
export const memberFlags = {
  role: string({ helpValue: "<role>", description: "administrator, or a role of the policy" }),
  scopes: string({ helpValue: "<scope,…>", description: "scopes whose keys it gets" }),
  expires: string({ helpValue: "<90d|date>", description: "until when it is a member" }),
};

interface MemberFlags {
  readonly name?: string | undefined;
  readonly role?: string | undefined;
  readonly scopes?: string | undefined;
  readonly expires?: string | undefined;
}

export const changeOf = ({ name, role, scopes, expires }: MemberFlags) => ({
  ...{ name, role, scopes: scopes?.split(",").filter((one) => one !== "") },
  until: expires === undefined ? undefined : timeToCome(expires, Date.now()),
});

/** `90d` from now, or a date, as ms since 1970. @throws E_USAGE */
function timeToCome(given: string, now: number): number {
  const duration = parseDuration(given);
  const time = duration === undefined ? Date.parse(given) : now + duration;
  if (!(time > now))
    throw new CitadelError("E_USAGE", "--expires is a duration such as 90d, or a date to come");
  return time;
}

export const memberLine = ({ name, role, scopes, until }: MemberInfo): string =>
  [
    `${name} as ${role}`,
    scopes.length > 0 && `with the scopes ${scopes.join(", ")}`,
    until !== undefined && `until ${iso(until)}`,
  ]
    .filter(Boolean)
    .join(", ");

export const exposedColumns: readonly Column<Exposed>[] = [
  { name: "scope", value: ({ scope }) => scope, importance: 0 },
  { name: "name", value: ({ name }) => name, importance: 0 },
  { name: "version", value: ({ version }) => version, importance: 0 },
  { name: "state", value: ({ current }) => (current ? "current" : "older") },
  { name: "read", value: ({ opened }) => opened, importance: 2 },
];
