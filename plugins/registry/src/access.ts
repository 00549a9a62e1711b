import { CitadelError, type Citadel } from "@citadel/core";
import {
  anonymous,
  createMemberships,
  createScopes,
  judge,
  local,
  type AccessRule,
  type Action,
  type Principal,
} from "@citadel/core/access";
import { checkName, targetOf } from "@citadel/core/registry";

/** A rule as `--json` prints it: absent lists are null, an empty one means nobody. */
export interface RuleItem {
  readonly pattern: string;
  readonly read: readonly string[] | null;
  readonly write: readonly string[] | null;
  readonly stage: readonly string[] | null;
  readonly claimed: boolean;
}

export const ruleItem = ({ pattern, read, write, stage, claimed }: AccessRule): RuleItem => ({
  pattern,
  read: read ?? null,
  write: write ?? null,
  stage: stage ?? null,
  claimed: claimed === true,
});

/** `ann, acme:core`; "nobody" for an empty list. */
export const listText = (list: readonly string[] | null): string | undefined =>
  list === null ? undefined : list.length === 0 ? "nobody" : list.join(", ");

/** The list of a flag: `ann,acme:core`, or `nobody`. */
export const listOf = (text: string): string[] =>
  text === "nobody"
    ? []
    : text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== "");

export const actions = ["read", "stage", "write", "admin"] as const satisfies readonly Action[];

export interface Explained {
  readonly user: string;
  readonly action: Action;
  readonly package: string;
  /** false while the name is free */
  readonly exists: boolean;
  readonly allowed: boolean;
  readonly because: string;
  /** patterns of the rules whose lists are about the name, null where none is */
  readonly rules: Readonly<Record<"read" | "write" | "stage", string | null>>;
  readonly visibility: string;
  readonly owners: readonly string[];
  /** `<org>:<team>` → what its members may */
  readonly teams: Readonly<Record<string, string>>;
  readonly scope: string | null;
}

/**
 * May a user do that, and why? For somebody with a token that may everything.
 * @param user a name, `anonymous`, or `local`
 * @throws E_USER_NOT_FOUND
 */
export async function explainAccess(
  citadel: Citadel,
  user: string,
  action: Action,
  name: string,
): Promise<Explained> {
  const { access, registry, store, accounts } = citadel;
  checkName(name);
  const [principal, policy, document, holder] = await Promise.all([
    principalOf(citadel, user),
    access.policy(),
    registry.packages.read(name),
    createScopes({ store, accounts }).holder(name),
  ]);
  const state = document && document.state.versions.size > 0 ? document.state : undefined;
  const target = targetOf(principal, name, state, holder);
  const { allowed, because } = judge(principal, action, target, policy);
  const rule = policy.rules?.find(name);
  return {
    user,
    action,
    package: name,
    exists: state !== undefined,
    allowed,
    because,
    rules: {
      read: rule?.read?.pattern ?? null,
      write: rule?.write?.pattern ?? null,
      stage: rule?.stage?.pattern ?? null,
    },
    visibility: state?.visibility ?? "public",
    owners: state?.owners ?? [],
    teams: Object.fromEntries(state?.teams ?? []),
    scope: holder ? `${holder.kind} ${holder.name}` : null,
  };
}

async function principalOf({ store, accounts }: Citadel, user: string): Promise<Principal> {
  if (user === "anonymous") return anonymous;
  if (user === "local") return local;
  const found = await accounts.user(user);
  if (!found)
    throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(user)}`, {
      hint: ["for somebody who is not signed in: anonymous"],
    });
  const { name, admin } = found;
  return { kind: "user", name, admin, ...(await createMemberships({ store })(name)) };
}
