import { developers } from "../access/org-kind.ts";
import type { Action, Caller, ScopeHolder, Visibility } from "../access/types.ts";
import { may } from "../access/may.ts";
import { CitadelError } from "../errors.ts";
import { agree } from "./agree.ts";
import type { AttestationBundles } from "./attestations.ts";
import { actorOf, demand, targetOf, type Context } from "./context.ts";
import { checkDist, hashesOf } from "./dist.ts";
import type { StagedItem } from "../stage/types.ts";
import {
  checkManifest,
  deprecationOf,
  readmeOf,
  storeManifest,
  type Person,
  type Publisher,
} from "./manifest.ts";
import { checkRestrictable } from "./visibility.ts";
import { demandFree } from "./claims.ts";
import { checkName, checkNewName, checkTag, checkVersion, scopeOf } from "./names.ts";
import { uuidOf } from "./revision.ts";
import { inspect } from "./tarball.ts";
import type {
  HeldBack,
  JsonObject,
  PackageDocument,
  PackageState,
  Published,
  PublishInput,
  Tarball,
  VersionRecord,
} from "./types.ts";

/** ms within which the same publish again is a repeat whose answer got lost */
const repeatable = 10 * 60_000;

/** The publish of something that was staged. */
export interface Approval {
  readonly item: StagedItem;
  /** Called when everything is checked, before anything is written; throws to refuse. */
  claim(): Promise<void>;
  /** Called right before the commit; throws to refuse. */
  stands(): void;
}

/** A publish whose objects are stored; only the document does not know of it yet. */
export interface Stored {
  readonly ready: Ready;
  /** @param state the newest */
  events(state: PackageState | undefined): HeldBack;
}

/** What doors, the stage and batches publish with. */
export interface Publishing {
  publish(input: PublishInput, caller: Caller, approval?: Approval): Promise<Published>;
  /** @param action "stage" for a version that is to wait for approval */
  checkPublish(input: PublishInput, caller: Caller, action?: "stage" | "write"): Promise<void>;
  prepare(
    input: PublishInput,
    caller: Caller,
    action: "stage" | "write",
    staged?: StagedItem,
  ): Promise<Ready>;
  put(ready: Ready, caller: Caller): Promise<Stored>;
}

/** A publish that passed every check there is before something is written. */
export interface Ready {
  readonly name: string;
  readonly version: string;
  readonly tags: readonly string[];
  readonly access?: Visibility;
  readonly manifest: JsonObject;
  readonly tarball: Tarball;
  readonly before: PackageDocument | undefined;
  readonly scope: ScopeHolder | undefined;
  readonly by: string;
  readonly bytes: Uint8Array;
  readonly readme: string | undefined;
  readonly bundles: AttestationBundles | undefined;
  /** May it go in? @throws E_FORBIDDEN, E_VERSION_EXISTS */
  check(state: PackageState | undefined): "new" | "repeated";
  published(document: PackageDocument, repeated: boolean): Published;
}

/** See {@link Registry.publish}. Everything is checked before anything is written; the document's put is the commit. */
export function publisher(context: Context): Publishing {
  const { store, packages, limits } = context;

  async function prepare(
    input: PublishInput,
    caller: Caller,
    action: "stage" | "write",
    staged?: StagedItem,
  ): Promise<Ready> {
    const name = checkName(input.name);
    const version = checkVersion(input.version);
    const tags = [...new Set(input.tags ?? ["latest"])].map(checkTag);
    const { tarball } = input;
    if (tarball.size > limits.tarball)
      throw new CitadelError(
        "E_TOO_LARGE",
        `the tarball of ${name}@${version} has ${tarball.size} bytes; at most ${limits.tarball} are allowed`,
      );
    if (input.access === "restricted") checkRestrictable(name);
    const manifest = checkIdentity(checkManifest(input.manifest), name, version);
    checkDist(hashesOf(manifest["dist"]), tarball, "E_INVALID_TARBALL");
    const about = { name, version, integrity: tarball.integrity };
    const bundles =
      input.attestation === undefined
        ? undefined
        : (await import("./attestations.ts")).attestationsOf(input.attestation, about);

    // a refusal that is certain by now must not cost an upload to the store
    const before = await packages.read(name);
    const { principal } = caller;
    const policy = await context.policy();
    const seen = before && may(principal, "read", targetOf(principal, name, before.state), policy);
    const scope = seen ? undefined : await context.scopes.holder(name);
    const { by, integrity } = { by: principal.name, integrity: tarball.integrity };
    const check = (state: PackageState | undefined): "new" | "repeated" => {
      if (!state) checkNewName(name);
      // who may not know of it is told what they would be told of a free name
      if (state && !seen) demand(policy, caller, action, name, undefined, scope);
      demand(policy, caller, action, name, state, scope);
      return occupied(state, version, { by, integrity, tags });
    };
    if (check(before?.state) === "new") await context.quota?.(`${name}@${version}`, tarball.size);
    if (!before) await demandFree(context, name, caller, input.claim === true);

    const [inspected, people] = await Promise.all([
      inspect(tarball.content, limits),
      maintainers(context, caller, before, staged),
    ]);
    await agree(inspected, manifest);
    // after the bounds of the archive were checked: this one opens what is packed in it
    await context.guard?.(`${name}@${version}`, tarball.content);
    const bytes = storeManifest({ manifest, name, version, ...people, tarball, inspected });
    const readme =
      readmeOf(input.readme) ?? readmeOf(manifest["readme"]) ?? readmeOf(inspected.readme);
    return {
      ...(input.access === undefined ? {} : { access: input.access }),
      ...{ name, version, tags, manifest, tarball, before, scope, by, bytes, readme, bundles },
      check,
      published: (document, repeated) => ({
        name,
        version,
        uuid: uuidOf(name, version, document.state.versions.get(version)?.manifest ?? ""),
        integrity,
        shasum: tarball.shasum,
        size: tarball.size,
        document,
        repeated,
      }),
    };
  }

  async function put(ready: Ready, caller: Caller): Promise<Stored> {
    const { name, version, tags, manifest, tarball, bytes, bundles, by } = ready;
    const { integrity, size } = tarball;
    const [manifestHash, readme, bundlesHash, signature] = await Promise.all([
      store.manifests.put(bytes),
      ready.readme ? store.manifests.put(Buffer.from(ready.readme)) : undefined,
      bundles ? store.manifests.put(bundles.bytes) : undefined,
      context.keys.signVersion(name, version, integrity),
      store.blobs.put(tarball.content, tarball),
    ]);
    const holder = ready.before ? undefined : await claimScope(context, name, caller, ready.scope);
    const deprecated = deprecationOf(manifest);
    const attestations = bundlesHash !== undefined && {
      bundles: bundlesHash,
      ...(bundles?.provenance === undefined ? {} : { provenance: bundles.provenance }),
    };
    return {
      ready,
      events(state) {
        const record: VersionRecord = {
          ...{ manifest: manifestHash, integrity, size, time: Date.now(), by },
          ...(readme === undefined ? {} : { readme }),
          ...(deprecated === undefined ? {} : { deprecated }),
          signature,
          ...(attestations ? { attestations } : {}),
        };
        const first = !state?.tags.has("latest") && !tags.includes("latest");
        return [
          { type: "publish", version, record, tags: first ? [...tags, "latest"] : tags },
          ...(state ? [] : firstTerms(ready, holder, context.scoped)),
        ];
      },
    };
  }

  async function publish(
    input: PublishInput,
    caller: Caller,
    approval?: Approval,
  ): Promise<Published> {
    const ready = await prepare(input, caller, "write", approval?.item);
    const { name, version, check } = ready;
    await approval?.claim();
    const { events } = await put(ready, caller);
    let repeated = false;
    const document = await context.batches.claim(name, version, actorOf(caller), (state) => {
      approval?.stands();
      repeated = check(state) === "repeated";
      if (repeated) return [];
      const staged = approval && { id: approval.item.id, by: approval.item.by };
      const [published, ...terms] = events(state);
      return [{ ...published, ...(staged ? { staged } : {}) }, ...terms];
    });
    if (!document) throw new Error(`the publish of ${name}@${version} left no document`);
    return ready.published(document, repeated);
  }

  return {
    publish,
    async checkPublish(input, caller, action = "write") {
      await prepare(input, caller, action);
    },
    prepare,
    put,
  };
}

/** May the caller do `action` to the package, or to the name while it is free? */
export async function mayPublish(
  context: Context,
  action: Action,
  name: string,
  { principal }: Caller,
): Promise<boolean> {
  const policy = await context.policy();
  const before = await context.packages.read(name);
  const scope = before ? undefined : await context.scopes.holder(name);
  return may(principal, action, targetOf(principal, name, before?.state, scope), policy);
}

/** Right before the commit; the first publisher of a scope owns it unless it is somebody's user name. */
async function claimScope(
  context: Context,
  name: string,
  caller: Caller,
  holder: ScopeHolder | undefined,
): Promise<ScopeHolder | undefined> {
  const scope = scopeOf(name);
  if (scope === undefined) return undefined;
  const owner = holder?.name ?? caller.principal.name;
  const claimed = await context.scopes.claim(scope, owner, actorOf(caller));
  // somebody may have been faster since the first look
  demand(await context.policy(), caller, "write", name, undefined, claimed);
  return claimed;
}

/** Who may do what to a new package, besides its owner. */
function firstTerms(
  { name, access }: Pick<PublishInput, "name" | "access">,
  holder: ScopeHolder | undefined,
  scoped: Visibility,
): HeldBack[number][] {
  const events: HeldBack[number][] = [];
  const visibility = access ?? (scopeOf(name) === undefined ? "public" : scoped);
  if (visibility === "restricted") events.push({ type: "visibility", visibility });
  if (holder?.kind === "org")
    events.push({ type: "team", team: `${holder.name}:${developers}`, right: "write" });
  return events;
}

/** Is the number free? @throws E_VERSION_EXISTS, unless it is taken by this very publish, minutes ago */
function occupied(
  state: PackageState | undefined,
  version: string,
  mine: { by: string; integrity: string; tags: readonly string[] },
): "new" | "repeated" {
  const record = state?.versions.get(version);
  if (record) {
    const same = record.integrity === mine.integrity && record.by === mine.by;
    const recent = Date.now() - record.time < repeatable;
    // with a tag that does not exist it is another wish, not the same one again
    if (same && recent && mine.tags.every((tag) => state?.tags.has(tag))) return "repeated";
  }
  if (record || state?.removed.has(version))
    throw new CitadelError(
      "E_VERSION_EXISTS",
      `You cannot publish over the previously published versions: ${version}.`,
      record
        ? {}
        : { hint: ["this number was unpublished and stays taken: publish under a new one"] },
    );
  return "new";
}

async function maintainers(
  { accounts }: Context,
  { principal }: Caller,
  before: PackageDocument | undefined,
  staged: StagedItem | undefined,
): Promise<{ publisher: Publisher; maintainers: readonly Person[] }> {
  const person = async (name: string): Promise<Person> => ({
    name,
    email: (await accounts.user(name))?.email ?? "",
  });
  const owners = before?.state.owners ?? [principal.name];
  const [by, approver, people] = await Promise.all([
    person(staged?.by ?? principal.name),
    staged && person(principal.name),
    Promise.all(owners.map(person)),
  ]);
  const trusted = staged ? staged.trusted : principal.trusted;
  const publisher: Publisher = {
    ...by,
    ...(trusted ? { trustedPublisher: trusted } : {}),
    ...(approver ? { approver } : {}),
  };
  return { publisher, maintainers: people };
}

/** The manifest must be about this version; the client's `+build` is cut off as npm does. */
function checkIdentity(manifest: JsonObject, name: string, version: string): JsonObject {
  if (manifest["name"] !== name)
    throw mismatch(`the manifest is that of ${JSON.stringify(manifest["name"])}, not of ${name}`);
  if (checkVersion(manifest["version"]) !== version)
    throw mismatch(
      `the manifest is that of version ${JSON.stringify(manifest["version"])}, not ${version}`,
    );
  return manifest;
}

function mismatch(message: string): CitadelError {
  return new CitadelError("E_MANIFEST_MISMATCH", message);
}
