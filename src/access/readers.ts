import { scopeOf } from "../registry/names.ts";
import { local } from "./may.ts";
import { everybody, signedIn, teamName } from "./rules.ts";
import type { AccessPolicy, Principal, Target } from "./types.ts";

const administrators = "$admin";

/**
 * Who may read a package, as groups: whoever is in one of them. For readers that cannot ask {@link judge}; both always agree
 * for users, whose groups {@link groupsOf} tells.
 */
export function readersOf(target: Target, { open, rules }: AccessPolicy): readonly string[] {
  const { name, owners = [], teams } = target;
  const { read, write } = rules?.find(name) ?? {};
  const reading = target.visibility === "restricted" ? undefined : (read ?? { all: true });
  if (reading?.all) return [everybody];
  const groups = new Set([administrators, ...owners.map((owner) => `owner:${owner}`)]);
  if (open && owners.includes(local.name)) groups.add(signedIn);
  const scope = scopeOf(name);
  if (scope !== undefined) groups.add(`lead:${scope}`);
  for (const team of teams?.keys() ?? []) groups.add(`team:${team}`);
  for (const named of write?.named ?? []) groups.add(`name:${named}`);
  if (reading && read) {
    if (read.signedIn) groups.add(signedIn);
    for (const named of read.named) groups.add(`name:${named}`);
  }
  return [...groups].toSorted();
}

/** The groups of a user, see {@link readersOf}. */
export function groupsOf({ name, admin, orgs, teams }: Principal): readonly string[] {
  const groups = new Set([signedIn, `owner:${name}`, `name:${name}`]);
  if (admin) groups.add(administrators);
  for (const [org, role] of orgs ?? []) {
    groups.add(`name:${org}`);
    if (role !== "developer") groups.add(`lead:${org}`);
  }
  for (const team of teams ?? []) groups.add(`team:${team}`).add(`name:${teamName(team)}`);
  return [...groups].toSorted();
}
