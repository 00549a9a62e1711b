import { CitadelError } from "../../errors.ts";
import type { MemberChange, MemberInfo, MemberVerbs } from "../api-members.ts";
import { fingerprint, publicId, readPublicId } from "../identity/text.ts";
import { openRecoveryKit } from "../identity/recovery.ts";
import { noScope, scopeNamed } from "../lookup.ts";
import { entitled, isCurrent } from "../members.ts";
import { checkName, checkScope } from "../names.ts";
import { permitOverall } from "../policy/permit.ts";
import { denied } from "../problems.ts";
import { openSession, placeOf, type Opened, type Session } from "../session.ts";
import { slotKey } from "../slot.ts";
import type { Compartment, Member, MemberKind, MemberState, OperationOf } from "../types.ts";
import { exposure } from "./exposure.ts";
import { forget } from "./place.ts";
import { rekey, rekeyLeaked } from "./rekey.ts";
import { status } from "./status.ts";

const administrator = "administrator";
/** Bytes of a role's name. */
const mostOfRole = 64;

/** Who shares the vault. */
export function memberVerbs(session: Session): MemberVerbs {
  const { use, ensureIdentity } = session;
  return {
    async identity({ keep = "any" } = {}) {
      const { identity, ...found } = await ensureIdentity(keep);
      const id = publicId(identity.member);
      return {
        ...found,
        publicId: id,
        id: identity.member.kid,
        fingerprint: await fingerprint(id),
      };
    },

    async members() {
      const opened = await use();
      const all = [...opened.state.members.values()].map((member) => info(opened, member));
      return Promise.all(all);
    },

    async addMember(text, { kind, ...what }) {
      const member = readPublicId(text);
      await put(session, member.kid, what, { ...member, kind });
      const opened = await use();
      const added = await info(opened, memberOf(opened, member.kid));
      return { ...added, fingerprint: await fingerprint(publicId(member)) };
    },

    async changeMember(which, what) {
      const { kid } = await findMember(await use(), which, isCurrent);
      await put(session, kid, what);
      const rekeyed = await rekeyLeaked(session);
      const opened = await use();
      return { member: await info(opened, memberOf(opened, kid)), rekeyed };
    },

    async removeMember(which) {
      const { kid } = await findMember(await use(), which);
      await session.append(async (opened) => {
        const { state, me } = opened;
        if (!me.administrator) throw denied("only administrators remove members");
        await permitOverall(opened, "grant");
        if (kid === me.kid) throw byAnother();
        return state.members.get(kid)?.removed === undefined
          ? { operation: { op: "member.remove", kid } }
          : undefined;
      });
      const rekeyed = await rekeyLeaked(session);
      const opened = await use();
      const member = await info(opened, memberOf(opened, kid));
      return { member, rekeyed, exposed: await exposure(session, kid) };
    },

    rekey: (scope) => rekey(session, scope),
    async exposure(which) {
      return exposure(session, (await findMember(await use(), which)).kid);
    },
    status: () => status(session),
    async recover(kit, passphrase, { name, keep = "any" }) {
      const saved = openSession({
        ...session,
        from: { known: await openRecoveryKit(kit, passphrase) },
      });
      await saved.use();
      const { identity } = await ensureIdentity(keep);
      const { member } = identity;
      await put(saved, member.kid, { name, role: administrator }, { ...member, kind: "person" });
      const opened = await use();
      return info(opened, memberOf(opened, member.kid));
    },
  };
}

/** Adds a member, or changes it, with the keys that it needs then. */
async function put(
  session: Session,
  kid: string,
  what: MemberChange,
  added?: Member & { readonly kind: MemberKind },
): Promise<void> {
  let replaced: readonly Compartment[] = [];
  await session.append(async (opened, at) => {
    const { state, me, contents } = opened;
    if (!me.administrator) throw denied("only administrators change members");
    await permitOverall(opened, "grant");
    const known = state.members.get(kid);
    const current = known && isCurrent(known) ? known : undefined;
    if (added && current)
      throw conflict(`${await nameOf(opened, current)} has this identity already`);
    const before = added ? undefined : current;
    const label = {
      name: checkName(what.name ?? (before ? await nameOf(opened, before) : ""), "member"),
      role: checkRole(
        what.role ?? (before ? (await contents.memberOf(state, before)).role : "member"),
      ),
    };
    for (const other of state.members.values())
      if (other.kid !== kid && isCurrent(other) && (await nameOf(opened, other)) === label.name)
        throw conflict(`there is a member ${label.name} already`);
    const until = what.until ?? before?.until;
    if (added?.kind === "machine" && until === undefined)
      throw new CitadelError("E_USAGE", "a machine is a member for a limited time", {
        hint: ["pass --expires 90d"],
      });
    const admin = label.role === administrator;
    if (kid === me.kid && !admin) throw byAnother();
    const scopes = what.scopes ? await idsOf(opened, what.scopes) : (before?.scopes ?? []);
    const then: MemberState = {
      ...(added ?? memberOf(opened, kid)),
      ...{ administrator: admin, scopes, since: before?.since ?? at },
      ...(until !== undefined && { until }),
    };
    const rec = await contents.put(
      Buffer.from(JSON.stringify(label)),
      placeOf(opened, at, {
        ...{ s: state.meta.id, g: state.meta.generation, id: kid, k: "meta" },
        n: (known?.record?.place.n ?? 0) + 1,
      }),
      state.meta,
    );
    const after = { ...state, members: new Map(state.members).set(kid, then) };
    const slots: [string, string][] = [];
    const keep = [rec];
    replaced = [state.meta, ...state.scopes.values()].filter(
      ({ id, holders }) =>
        !holders.includes(kid) && entitled(after, id, at).some((one) => one.kid === kid),
    );
    for (const compartment of replaced) {
      const { slot, key } = await contents.slotFor(
        compartment,
        entitled(after, compartment.id, at),
      );
      slots.push([compartment.id, slot]);
      keep.push(key);
    }
    const given = { admin, ss: scopes, ...(until !== undefined && { until }), rec, slots };
    const operation: OperationOf<"member.add"> | OperationOf<"member.role"> = added
      ? { op: "member.add", sign: added.sign, age: added.age, kind: added.kind, ...given }
      : { op: "member.role", kid, ...given };
    const old = known?.record?.hash;
    return {
      operation,
      keep,
      drop: [...replaced.map(slotKey), ...(old === undefined ? [] : [old])],
    };
  });
  await forget(session.store.driver, replaced.map(slotKey));
}

/** The one that is meant: a name, or the beginning of a key id. @throws E_SECRET_NOT_FOUND */
async function findMember(
  opened: Opened,
  which: string,
  only: (member: MemberState) => boolean = () => true,
): Promise<MemberState> {
  const found: MemberState[] = [];
  for (const member of opened.state.members.values())
    if (only(member) && (member.kid.startsWith(which) || (await nameOf(opened, member)) === which))
      found.push(member);
  // one who came back under the name of somebody who left
  const [member, ...others] = found.some((one) => isCurrent(one))
    ? found.filter((one) => isCurrent(one))
    : found;
  if (member && others.length === 0 && which !== "") return member;
  throw new CitadelError(
    "E_SECRET_NOT_FOUND",
    `${member ? "more than one member is" : "there is no member"} ${JSON.stringify(which)}`,
    { hint: ["see who there is: citadel secrets:member:list"] },
  );
}

async function info(opened: Opened, member: MemberState): Promise<MemberInfo> {
  const { state, me, contents } = opened;
  const { kid, kind, scopes, since, until, removed } = member;
  const names = member.administrator
    ? [...state.scopes.values()]
    : scopes.flatMap((id) => state.scopes.get(id) ?? []);
  return {
    ...{ id: kid, ...(await contents.memberOf(state, member)), kind, since, me: kid === me.kid },
    state: removed !== undefined ? "removed" : isCurrent(member, Date.now()) ? "member" : "expired",
    scopes: await Promise.all(
      names.map(async (scope) => (await contents.scopeOf(state, scope)).name),
    ),
    ...(until !== undefined && { until }),
  };
}

const nameOf = async ({ state, contents }: Opened, member: MemberState): Promise<string> =>
  (await contents.memberOf(state, member)).name;

function memberOf({ state }: Opened, kid: string): MemberState {
  const member = state.members.get(kid);
  if (!member) throw new CitadelError("E_SECRET_NOT_FOUND", "there is no such member any more");
  return member;
}

async function idsOf({ state, contents }: Opened, names: readonly string[]): Promise<string[]> {
  const ids = new Set<string>();
  for (const name of names) {
    const scope = await scopeNamed(state, contents, checkScope(name));
    if (!scope) throw noScope(name);
    ids.add(scope.id);
  }
  return [...ids];
}

function checkRole(role: string): string {
  if (/^[a-z][a-z0-9-]*$/.test(role) && role.length <= mostOfRole) return role;
  throw new CitadelError("E_USAGE", "a role is a word such as developer");
}

/** New keys are made after that, which only an administrator can. */
const byAnother = (): CitadelError =>
  new CitadelError("E_USAGE", "another administrator has to do that to this identity");

const conflict = (what: string): CitadelError => new CitadelError("E_CONFLICT", what);
