import type { MemberState, VaultState } from "./types.ts";

/** Neither removed nor, at that time (ms since 1970), expired. */
export const isCurrent = ({ removed, until }: MemberState, at = -Infinity): boolean =>
  removed === undefined && (until === undefined || at <= until);

/** Those who are to hold the key of a compartment: administrators, members of the scope; everybody for `meta`. */
export function entitled(
  { meta, members }: Pick<VaultState, "meta" | "members">,
  compartment: string,
  at: number,
): MemberState[] {
  return [...members.values()].filter(
    (member) =>
      isCurrent(member, at) &&
      (compartment === meta.id || member.administrator || member.scopes.includes(compartment)),
  );
}

/** Those who may change who is a member, removed ones aside. */
export const administrators = ({ members }: Pick<VaultState, "members">): MemberState[] =>
  [...members.values()].filter((member) => member.administrator && isCurrent(member));
