import { mask } from "../config/index.ts";
import { hex } from "../live/fields.ts";

/** The fields of events that are told. What is not named here, such as hashes of passwords, never leaves the store. */
interface Told {
  readonly type?: string;
  readonly version?: string;
  readonly versions?: unknown;
  readonly tags?: readonly string[];
  readonly tag?: string;
  readonly message?: string;
  readonly staged?: { readonly by: string };
  readonly rollback?: { readonly from: string; readonly undo?: true };
  readonly owners?: readonly string[];
  readonly owner?: string;
  readonly user?: string;
  readonly role?: string;
  readonly on?: boolean;
  readonly admin?: boolean;
  readonly disabled?: boolean;
  readonly signatures?: readonly (readonly [string, unknown])[];
  readonly visibility?: string;
  readonly team?: string;
  readonly right?: string;
  readonly tfa?: string;
  readonly events?: readonly Told[];
  readonly batch?: string;
  readonly commit?: boolean;
  readonly id?: string;
  readonly ids?: readonly string[];
  readonly pattern?: string;
  readonly range?: string;
  readonly reason?: string;
  readonly mode?: string;
  readonly rule?: object;
  readonly grant?: Told;
  readonly request?: Told;
  readonly total?: number;
  readonly outcome?: string;
  readonly client?: string;
  readonly endpoint?: string;
  readonly name?: string;
  readonly issuer?: string;
  readonly item?: Told;
  readonly config?: Told;
  readonly hook?: Told;
  readonly key?: { readonly keyid?: string };
  readonly org?: string;
  readonly orgs?: readonly string[];
  readonly jws?: string;
  readonly url?: string;
  readonly to?: string;
  readonly offset?: number;
  readonly old?: readonly number[];
  readonly new?: readonly number[];
}

type Tell = (event: Told) => string;
const most = 400;

/** What an event did, on one line for people. */
export function describeEvent(kind: string, event: unknown): string {
  const told = event as Told;
  const type = told.type ?? "change";
  const tell = kind === "vault" ? vault : texts[`${kind}.${type}`];
  let text: string;
  try {
    text = tell?.(told) ?? type;
  } catch {
    text = type; // an event of another version has other fields
  }
  return mask(text).slice(0, most);
}

const list = (items: readonly unknown[] | undefined): string => (items ?? []).join(", ");
const short = (id: string | undefined): string => (id ?? "").slice(0, 12);
const because = (reason: string | undefined): string => (reason ? `: ${reason}` : "");
const bytes = (values: readonly number[] | undefined): string =>
  Buffer.from(values ?? []).toString("hex");
const granted = ({ pattern = "", range, reason }: Told = {}): string =>
  `${pattern}${range ? `@${range}` : ""}${because(reason)}`;

const published: Tell = ({ version, tags, staged }) =>
  `publish ${version}${tags?.length ? ` as ${list(tags)}` : ""}${staged ? `, staged by ${staged.by}` : ""}`;

const texts: Readonly<Record<string, Tell>> = {
  "package.publish": published,
  "package.tag": ({ tag, version, rollback }) =>
    rollback
      ? `${rollback.undo ? "undo the rollback of" : "roll back"} ${tag} from ${rollback.from} to ${version}`
      : `tag ${version} as ${tag}`,
  "package.untag": ({ tag }) => `remove the tag ${tag}`,
  "package.deprecate": ({ versions, message }) =>
    message
      ? `deprecate ${list(versions as string[])}: ${message}`
      : `undeprecate ${list(versions as string[])}`,
  "package.unpublish": ({ versions }) => `unpublish ${list(versions as string[])}`,
  "package.owners": ({ owners }) => `owners are now ${list(owners)}`,
  "package.star": ({ user, on }) => `${on ? "starred" : "unstarred"} by ${user}`,
  "package.sign": ({ signatures }) => `sign ${list(signatures?.map(([version]) => version))}`,
  "package.visibility": ({ visibility }) => `make ${visibility}`,
  "package.team": ({ team, right }) => `team ${team}: ${right}`,
  "package.tfa": ({ tfa }) => `second factor for publishing: ${tfa}`,
  "package.reserve": ({ batch, events }) =>
    `hold back for batch ${short(batch)}: ${list(events?.filter(({ type }) => type === "publish").map(published))}`,
  "package.settle": ({ batch, commit }) => `${commit ? "commit" : "drop"} batch ${short(batch)}`,
  "package.import": ({ versions }) =>
    `import ${list((versions as [string, unknown][]).map(([version]) => version))}`,
  "scope.claim": ({ owner }) => `claim for ${owner}`,
  "user.create": () => "create the account",
  "user.password": () => "change the password",
  "user.profile": () => "change the profile",
  "user.admin": ({ admin }) => (admin ? "make an administrator" : "no administrator any more"),
  "user.disable": ({ disabled }) => (disabled ? "disable" : "enable"),
  "user.remove": () => "delete the account",
  "user.factor-begin": ({ mode }) => `begin a second factor (${mode})`,
  "user.factor-confirm": () => "confirm the second factor",
  "user.factor-mode": ({ mode }) => `second factor for ${mode}`,
  "user.factor-end": () => "end the second factor",
  "user.code": () => "use a one-time code",
  "user.recovery": () => "use a recovery code",
  "user.token": ({ id }) => `new token ${short(id)}`,
  "user.untoken": ({ ids }) => `end tokens ${list(ids?.map(short))}`,
  "token.create": ({ user }) => `create${user ? ` for ${user}` : ""}`,
  "site.administered": () => "the first administrator",
  "org.create": ({ owner }) => `create, owned by ${owner}`,
  "org.member": ({ user, role }) => `${user} is ${role}`,
  "org.leave": ({ user }) => `${user} leaves`,
  "org.team": ({ team }) => `create the team ${team}`,
  "org.dissolve": ({ team }) => `dissolve the team ${team}`,
  "org.join": ({ team, user }) => `${user} joins ${team}`,
  "org.part": ({ team, user }) => `${user} leaves ${team}`,
  "member.org": ({ org }) => `may be in ${org}`,
  "member.forget": ({ orgs }) => `not in ${list(orgs)}`,
  "access.rule": ({ rule }) => `rule ${JSON.stringify(rule)}`,
  "access.remove": ({ pattern }) => `remove the rule for ${pattern}`,
  "policy.mode": ({ mode }) => `mode ${mode}`,
  "policy.rule": ({ rule }) => `rule ${JSON.stringify(rule)}`,
  "policy.remove": ({ id }) => `remove ${id}`,
  "policy.except": ({ grant }) => `exception for ${granted(grant)}`,
  "policy.request": ({ request }) => `exception asked for ${granted(request)}`,
  "policy.approve": ({ id, grant }) => `approve ${id}: ${granted(grant)}`,
  "policy.deny": ({ id, reason }) => `deny ${id}${because(reason)}`,
  "policy.restore": () => "restore an earlier policy",
  "config.bytes": ({ offset = 0, old, new: now }) =>
    `byte ${hex(offset)}: ${bytes(old)} becomes ${bytes(now)}`,
  "block.block": ({ client, to, reason }) => `block ${client} until ${to}${because(reason)}`,
  "block.unblock": ({ client }) => `answer ${client} again`,
  "advisories.import": ({ total }) => `import; ${total} advisories now`,
  "advisories.remove": ({ total }) => `remove; ${total} advisories now`,
  "key.add": ({ key }) => `new key ${key?.keyid}`,
  "batch.open": ({ versions }) =>
    `begin ${list(Object.entries(versions as object).map(([name, version]) => `${name}@${version}`))}`,
  "stage.stage": ({ item }) => `stage ${item?.name}@${item?.version}`,
  "stage.claim": ({ id }) => `begin to publish ${short(id)}`,
  "stage.release": ({ id }) => `not published yet: ${short(id)}`,
  "stage.remove": ({ id, outcome, reason }) =>
    `${outcome} ${short(id)}${reason === undefined ? "" : `: ${reason}`}`,
  "trust.add": ({ config }) => `trust ${config?.issuer} (${short(config?.id)})`,
  "trust.remove": ({ id }) => `trust no longer ${short(id)}`,
  "trust.exchange": ({ id }) => `token for a run of ${short(id)}`,
  "quarantine.removed": ({ versions }) =>
    `removed upstream: ${list((versions as Told[]).map(({ version }) => version))}`,
  "quarantine.returned": ({ versions }) => `back upstream: ${list(versions as string[])}`,
  "subscription.add": ({ url }) => `subscribe to ${url}`,
  "subscription.remove": ({ url }) => `no longer subscribe to ${url}`,
  "subscription.move": ({ url, to }) => `${url} is now ${to}`,
  "subscription.gone": ({ url }) => `${url} is gone`,
  "hook.add": ({ hook }) => `add ${short(hook?.id)} to ${hook?.endpoint}`,
  "hook.update": ({ id, endpoint }) => `change ${short(id)} to ${endpoint}`,
  "hook.switch": ({ id, on }) => `switch ${short(id)} ${on ? "on" : "off"}`,
  "hook.remove": ({ id }) => `remove ${short(id)}`,
};

/** A signed event: what it does and to which secret, by number. Names are sealed. */
const vault: Tell = ({ jws = "" }) => {
  const payload = Buffer.from(jws.split(".")[1] ?? "", "base64url").toString();
  const { op, id, n, ns } = JSON.parse(payload) as Record<"op" | "id" | "n" | "ns", unknown>;
  const about = typeof id === "string" ? ` ${short(id)}` : "";
  const versions = Array.isArray(ns) ? ns : typeof n === "number" ? [n] : [];
  return `${String(op)}${about}${versions.length > 0 ? ` version ${versions.join(", ")}` : ""}`;
};
