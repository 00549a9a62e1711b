import type { Orgs, Principal } from "@citadel/core/access";
import { scopeOf, type PackageState } from "@citadel/core/registry";
import { callerOf, readAs } from "../context.ts";
import { param, type Handler } from "./room.ts";

/**
 * `GET /-/package/<name>/collaborators`: an object for npm, with `format=cli` an array for pnpm. Who is in an organisation or a team is
 * shown to its members.
 */
export const getCollaborators: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { accounts, orgs, registry } = shared.citadel;
  const name = param(c, "name");
  const { state } = await readAs(shared, asked, (caller) => registry.document(name, caller));
  const { principal } = await callerOf(shared, asked);
  const rights = await collaborators(orgs, state, principal);
  const only = c.req.query("user");
  if (only !== undefined) for (const user of rights.keys()) if (user !== only) rights.delete(user);
  if (c.req.query("format") !== "cli") return c.json(Object.fromEntries(rights));
  return c.json(
    await Promise.all(
      Array.from(rights, async ([user, right]) => ({
        user,
        email: (await accounts.user(user))?.email ?? "",
        permissions: right === "write" ? "read-write" : "read-only",
      })),
    ),
  );
};

async function collaborators(
  orgs: Orgs,
  { name, owners, teams }: PackageState,
  principal: Principal,
): Promise<Map<string, "read" | "write">> {
  const rights = new Map(owners.map((owner) => [owner, "write" as "read" | "write"]));
  const scope = scopeOf(name);
  const concerned = new Set([
    ...(scope === undefined ? [] : [scope]),
    ...Array.from(teams ?? [], ([team]) => team.slice(0, team.indexOf(":"))),
  ]);
  for (const each of concerned) {
    if (!principal.admin && !principal.orgs?.has(each)) continue;
    const org = await orgs.read(each);
    if (!org) continue;
    if (each === scope)
      for (const [user, role] of org.members) if (role !== "developer") rights.set(user, "write");
    for (const { key, members } of org.teams.values()) {
      const right = teams?.get(key);
      for (const user of right ? members : [])
        if (rights.get(user) !== "write") rights.set(user, right ?? "read");
    }
  }
  return rights;
}
