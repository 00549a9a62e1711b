import { isObject } from "@citadel/core/registry";
import { CitadelError, errorCode } from "@citadel/core/errors";
import type { Remote } from "./client.ts";

/** packages of one page of a search, and of the list of changes */
const page = 250;
const changes = 10_000;

/** Which packages are meant. */
export interface Wanted {
  readonly packages: readonly string[];
  /** without `@` */
  readonly scopes: readonly string[];
  readonly all: boolean;
}

/**
 * Names of the packages, each once. Registries have no common way to list them: asked for is what older ones answer in one list, the
 * organisation of a scope, the search, and the list of changes.
 * @throws E_REMOTE_ANSWER when a list is wanted and the registry has none
 */
export async function namesOf(remote: Remote, wanted: Wanted): Promise<string[]> {
  const names = new Set(wanted.packages);
  const missing = new Set<string>();
  for (const scope of wanted.scopes) {
    const found = await scopeNames(remote, scope);
    if (found.length === 0) missing.add(`@${scope}`);
    for (const name of found) names.add(name);
  }
  if (wanted.all) {
    const found = await everything(remote);
    if (found === undefined) missing.add("all packages");
    for (const name of found ?? []) names.add(name);
  }
  if (missing.size > 0)
    throw new CitadelError(
      "E_REMOTE_ANSWER",
      `${remote.base} lists nothing for ${[...missing].join(", ")}`,
      { hint: ["name the packages: --package <name>", "or give a token that may list them"] },
    );
  return [...names].toSorted();
}

async function scopeNames(remote: Remote, scope: string): Promise<string[]> {
  const mine = (name: string): boolean => name.startsWith(`@${scope}/`);
  const owned = await remote
    .json(`-/org/${encodeURIComponent(scope)}/package`)
    .catch((error: unknown) => {
      if (errorCode(error) !== "E_REMOTE_REFUSED") throw error;
    });
  const names = new Set(isObject(owned) ? Object.keys(owned).filter(mine) : []);
  for (const text of [`scope:${scope}`, `@${scope}`])
    for await (const name of search(remote, text)) if (mine(name)) names.add(name);
  if (names.size === 0)
    for (const name of (await everything(remote)) ?? []) if (mine(name)) names.add(name);
  return [...names];
}

async function everything(remote: Remote): Promise<string[] | undefined> {
  const list = await remote.json("-/all");
  if (isObject(list)) {
    const names = Object.keys(list).filter((name) => !name.startsWith("_"));
    if (names.length > 0) return names;
  }
  const changed = await allChanged(remote);
  if (changed !== undefined) return changed;
  const found: string[] = [];
  for await (const name of search(remote, "")) found.push(name);
  return found.length > 0 ? found : undefined;
}

/** Pages of a search, until one is empty or brings nothing new. */
async function* search(remote: Remote, text: string): AsyncGenerator<string, void, void> {
  const seen = new Set<string>();
  for (let from = 0; ; from += page) {
    const query = new URLSearchParams({ text, size: String(page), from: String(from) });
    const answer = await remote.json(`-/v1/search?${query.toString()}`);
    const objects: unknown = isObject(answer) ? answer["objects"] : undefined;
    const before = seen.size;
    for (const object of Array.isArray(objects) ? objects : []) {
      const name = (object as { package?: { name?: unknown } } | null)?.package?.name;
      if (typeof name !== "string" || seen.has(name)) continue;
      seen.add(name);
      yield name;
    }
    if (seen.size === before || !Array.isArray(objects) || objects.length < page) return;
  }
}

/** What CouchDB and its kin tell; undefined where there is no such list. */
async function allChanged(remote: Remote): Promise<string[] | undefined> {
  const names = new Map<string, boolean>();
  for (let since = 0; ;) {
    const answer = await remote.json(`_changes?since=${since}&limit=${changes}`);
    const results: unknown = isObject(answer) ? answer["results"] : undefined;
    if (!Array.isArray(results)) return undefined;
    for (const change of results as readonly { id?: unknown; deleted?: unknown }[])
      if (typeof change?.id === "string" && !change.id.startsWith("_"))
        names.set(change.id, change.deleted !== true);
    const next = isObject(answer) ? answer["last_seq"] : undefined;
    if (typeof next !== "number" || next <= since || results.length === 0) break;
    since = next;
  }
  return [...names].filter(([, live]) => live).map(([name]) => name);
}
