import { createHash } from "node:crypto";
import { readersOf } from "../access/readers.ts";
import type { Citadel } from "../citadel.ts";
import { publicUrl } from "../config/values.ts";
import type { Driver, Key, OpOptions } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { npmKeys } from "../keys/keys.ts";
import type { PackageDocument } from "../registry/types.ts";
import { pool } from "../store/pairs.ts";
import { namesOf, walk } from "../store/walk.ts";
import { areas, files, FORMAT, keysKey, placeOf, shardKey, type Area } from "./layout.ts";
import { alone, readIndex, send, sendBlob, UNSURE, type Index } from "./target.ts";
import { collectTokens } from "./tokens.ts";

/** Packages under way at once. */
const AT_ONCE = 8;
/** Packages after which what is done is written down. */
const STEP = 500;

export interface ExportOptions {
  /** the address that clients will use, as it stands in every `dist.tarball` */
  readonly base: string;
  /** looks at what would be done */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  /** a new step begins, of `total` packages where that is known */
  readonly phase?: (label: string, total?: number) => void;
  /** packages of the step that are done */
  readonly at?: (packages: number) => void;
}

export interface Exported {
  /** `changed`: written anew; `removed`: not in the registry any more */
  readonly packages: { readonly all: number; readonly changed: number; readonly removed: number };
  readonly tarballs: {
    readonly copied: number;
    /** of those that were copied */
    readonly bytes: number;
    readonly removed: number;
  };
  /** that work there; `bound` to addresses: left out, they work at the registry only */
  readonly tokens: { readonly all: number; readonly bound: number };
}

/**
 * Brings what the registry serves to a bucket as finished objects, for a server that only hands them out: packuments in both forms,
 * tarballs, who may read what, and which tokens there are. Only what changed since the last time travels. Of each package the
 * tarballs come before the packuments that name them, and go after; what nobody may read any more goes first.
 *
 * @param target what holds the bucket; the layout below it is described in `docs/edge.md`
 * @throws E_USAGE for a base that is no address, E_CONFLICT while another export is under way
 */
export async function exportViews(
  citadel: Citadel,
  target: Driver,
  { base: given, dryRun = false, signal, phase = () => {}, at = () => {} }: ExportOptions,
): Promise<Exported> {
  const base = publicUrl.parse(given, "");
  if (base === undefined)
    throw new CitadelError("E_USAGE", `${JSON.stringify(given)} is not ${publicUrl.allowed}`);
  const run = async (stop?: AbortSignal): Promise<Exported> => {
    const options = stop ? { signal: stop } : {};
    const index = await readIndex(target, options);
    phase("looking for changes");
    const plan = await compare(citadel, index, base, options);
    if (!dryRun) await carryOut(citadel, target, plan, index, base, { ...options, phase, at });
    const { packages, tarballs, tokens } = plan;
    return { packages, tarballs, tokens };
  };
  return dryRun ? run(signal) : alone(target, signal, run);
}

interface Plan extends Exported {
  readonly changed: readonly string[];
  readonly gone: readonly string[];
  /** small documents whose mark is another: undefined takes them away */
  readonly documents: ReadonlyMap<Key, unknown>;
  readonly tarballs: { copied: number; bytes: number; removed: number };
}

const packagePrefix = "package ";

async function compare(
  citadel: Citadel,
  { marks }: Index,
  base: string,
  { signal }: OpOptions,
): Promise<Plan> {
  const look = looker(citadel, base);
  const found = new Set<string>();
  const changed: string[] = [];
  await pool(namesOf(citadel.registry.packages), AT_ONCE, signal, async (name) => {
    const state = await look(name);
    if (!state) return;
    found.add(name);
    if (marks.get(packagePrefix + name) !== state.mark) changed.push(name);
  });
  const gone = Array.from(marks.keys())
    .filter((key) => key.startsWith(packagePrefix))
    .map((key) => key.slice(packagePrefix.length))
    .filter((name) => !found.has(name));

  const { shards, count, bound } = await collectTokens(citadel.accounts);
  const wanted = new Map<Key, unknown>();
  for (const [shard, tokens] of shards) wanted.set(shardKey(shard), { tokens });
  const keys = npmKeys(await citadel.keys.list("registry"));
  if (keys.length > 0) wanted.set(keysKey, { keys });
  const documents = new Map<Key, unknown>();
  for (const key of marks.keys())
    if (!key.startsWith(packagePrefix) && !wanted.has(key)) documents.set(key, undefined);
  for (const [key, value] of wanted)
    if (marks.get(key) !== markOf(value)) documents.set(key, value);
  return {
    ...{ changed: changed.toSorted(), gone, documents },
    packages: { all: found.size, changed: changed.length, removed: gone.length },
    tarballs: { copied: 0, bytes: 0, removed: 0 },
    tokens: { all: count, bound },
  };
}

async function carryOut(
  citadel: Citadel,
  target: Driver,
  { changed, gone, documents, tarballs }: Plan,
  index: Index,
  base: string,
  { phase, at, ...options }: OpOptions & Required<Pick<ExportOptions, "phase" | "at">>,
): Promise<void> {
  if (changed.length + gone.length + documents.size === 0) return;
  const { marks } = index;
  for (const key of documents.keys()) marks.set(key, UNSURE);
  for (const name of [...changed, ...gone]) marks.set(packagePrefix + name, UNSURE);
  await index.save(options);

  for (const [key, value] of documents)
    if (value === undefined) {
      await target.delete(key, options);
      marks.delete(key);
    } else {
      await send(target, key, json(value), options);
      marks.set(key, markOf(value));
    }

  phase("removing", gone.length);
  for (const [n, name] of gone.entries()) {
    await remove(name);
    at(n + 1);
  }

  const look = looker(citadel, base);
  let done = 0;
  let saving = Promise.resolve();
  phase("exporting", changed.length);
  await pool(each(changed), AT_ONCE, options.signal, async (name) => {
    const now = await look(name);
    if (now) {
      await put(name, now);
      marks.set(packagePrefix + name, now.mark);
    } else await remove(name);
    at(++done);
    if (done % STEP === 0) await (saving = saving.then(() => index.save(options)));
  });
  await saving;
  await index.save(options);

  async function put(name: string, { document, readers }: Looked): Promise<void> {
    const open = readers.includes("$all");
    const [area, other] = open ? areas : areas.toReversed();
    const place = placeOf(area as Area, name);
    if (!open) {
      await clear("public", name);
      await send(target, place + files.readers, json({ readers }), options);
    }
    const there = new Map<Key, number>();
    for await (const { key, size } of walk(target, place)) there.set(key, size);
    const wanted = new Set<Key>();
    for (const [version, record] of document.state.versions) {
      const key = place + files.tarball(version);
      wanted.add(key);
      // a version never gets other bytes
      if (there.get(key) === record.size) continue;
      await sendBlob(target, key, citadel.store.blobs, record, options);
      tarballs.copied++;
      tarballs.bytes += record.size;
    }
    for (const form of ["full", "short"] as const)
      await send(target, place + files[form], await citadel.views.gzip(document, form, base), options); // prettier-ignore
    for (const key of there.keys())
      if (key.endsWith(".tgz") && !wanted.has(key)) {
        await target.delete(key, options);
        tarballs.removed++;
      }
    if (open) await clear(other as Area, name);
  }

  async function remove(name: string): Promise<void> {
    for (const area of areas) await clear(area, name);
    marks.delete(packagePrefix + name);
  }

  /** Packuments first: nobody shall be sent to a tarball that is gone. */
  async function clear(area: Area, name: string): Promise<void> {
    const keys: Key[] = [];
    for await (const { key } of walk(target, placeOf(area, name))) keys.push(key);
    const last = (key: Key): number => (key.endsWith(".tgz") ? 1 : 0);
    for (const key of keys.toSorted((a, b) => last(a) - last(b))) {
      await target.delete(key, options);
      tarballs.removed += last(key);
    }
  }
}

/** A package, and a mark that tells its export from any other. */
interface Looked {
  readonly document: PackageDocument;
  readonly readers: readonly string[];
  readonly mark: string;
}

function looker(
  { registry, accounts, access }: Citadel,
  base: string,
): (name: string) => Promise<Looked | undefined> {
  const emails = new Map<string, Promise<string | undefined>>();
  const emailOf = (user: string) => {
    let email = emails.get(user);
    if (!email) emails.set(user, (email = accounts.user(user).then((found) => found?.email)));
    return email;
  };
  return async (name) => {
    const document = await registry.packages.read(name);
    if (!document || document.state.versions.size === 0) return undefined;
    const { owners, visibility, teams } = document.state;
    const target = { name, owners, ...(visibility && { visibility }), ...(teams && { teams }) };
    const readers = readersOf(target, await access.policy());
    const maintainers = await Promise.all(owners.map(emailOf));
    return { document, readers, mark: markOf([base, document.tip, readers, maintainers]) };
  };
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const markOf = (value: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify([FORMAT, value]))
    .digest("base64url")
    .slice(0, 22);

async function* each<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  yield* items;
}
