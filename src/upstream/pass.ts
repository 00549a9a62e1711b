import { LRUCache } from "lru-cache";
import type { Caller } from "../access/types.ts";
import { CitadelError, errorCode } from "../errors.ts";
import { logger } from "../log.ts";
import { isObject } from "../registry/manifest.ts";
import { baseName, checkName } from "../registry/names.ts";
import type { JsonObject } from "../registry/types.ts";
import type { Rules } from "../policy/policies.ts";
import { pathOf, type Remote } from "./remote.ts";
import type { Upstream } from "./types.ts";

/** ms that a search may take */
const patience = 2000;
/** ms that keys and attestations are believed */
const HOUR = 3_600_000;
/** words of a search that are looked at */
const mostWords = 30;

export interface PassOptions {
  readonly remotes: readonly Remote[];
  /** the upstream that may be asked for a name by somebody, if any */
  readonly remoteOf: (name: string, caller: Caller) => Promise<Remote | undefined>;
  readonly isPrivate: (name: string) => boolean;
  readonly rules: () => Promise<Rules>;
}

type Passed = Pick<Upstream, "search" | "advisories" | "attestations" | "keys">;

/** What is handed on as it is, but for names that are ours. */
export function passOn({ remotes, remoteOf, isPrivate, rules }: PassOptions): Passed {
  const log = logger("upstream");
  /** The same; none of a name that is none, or that the caller may not know of. */
  const routeOf = async (name: string, caller: Caller): Promise<Remote | undefined> => {
    if (!isName(name)) return undefined;
    try {
      return await remoteOf(name, caller);
    } catch (error) {
      if (errorCode(error) === "E_PACKAGE_NOT_FOUND" || errorCode(error) === "E_AUTH_REQUIRED")
        return undefined;
      throw error;
    }
  };
  const attested = new LRUCache<string, { readonly value: unknown }>({ max: 500, ttl: HOUR });
  let keyring:
    | { readonly until: number; readonly keys: Promise<readonly JsonObject[]> }
    | undefined;

  /** Whether a word can be told to somebody outside: it names nothing that is here. */
  async function isPublic(
    word: string,
    caller: Caller,
    local: readonly string[],
  ): Promise<boolean> {
    if (isPrivate(word) || local.some((name) => name === word || baseName(name) === word))
      return false;
    const [, scope] = /^@?([^/]+)(?:\/|$)/.exec(word) ?? [];
    const asScope = `@${scope ?? ""}/x`;
    if (isPrivate(asScope) || isPrivate(`@${word}/`)) return false;
    for (const name of word.startsWith("@") ? [asScope, word] : [word, asScope])
      if (isName(name) && !(await routeOf(name, caller))) return false;
    return true;
  }

  async function ask(
    { text, size, from }: Parameters<Upstream["search"]>[0],
    [remote]: readonly Remote[],
  ) {
    const query = new URLSearchParams({ text, size: String(size), from: String(from) });
    const timeouts = { first: patience, idle: patience, whole: patience };
    return remote?.json(`-/v1/search?${query.toString()}`, { timeouts });
  }

  return {
    async search(query, caller, local) {
      const none = { objects: [], total: 0 };
      const words = query.text.split(/[\s,]+|(?:^|\s)[a-z-]+:/).filter(Boolean);
      if (words.length === 0 || words.length > mostWords) return none;
      try {
        for (const word of words) if (!(await isPublic(word, caller, local))) return none;
        const found = await ask(query, remotes);
        if (!isObject(found) || !Array.isArray(found["objects"])) return none;
        const { policy } = await rules();
        const objects: JsonObject[] = [];
        for (const hit of found["objects"].slice(0, query.size)) {
          const shown = hitOf(hit);
          if (!shown || local.includes(shown.name)) continue;
          const remote = await routeOf(shown.name, caller);
          if (remote !== remotes[0] || !remote) continue;
          const candidate = { ...shown, origin: remote.setting.name, hasInstallScript: false };
          if (policy.judge(candidate, Date.now()).allowed) objects.push(shown.object);
        }
        const total = Number(found["total"]);
        return {
          objects,
          total: Number.isSafeInteger(total) && total > 0 ? total : objects.length,
        };
      } catch (error) {
        if (!errorCode(error)) throw error;
        log("upstream could not be searched", { error });
        return none;
      }
    },

    async advisories(wanted, caller) {
      const asked = new Map<Remote, Record<string, readonly string[]>>();
      for (const [name, versions] of wanted) {
        const remote = await routeOf(name, caller);
        if (!remote) continue;
        const names = asked.get(remote) ?? {};
        names[name] = [...versions];
        asked.set(remote, names);
      }
      const found = new Map<string, unknown>();
      await Promise.all(
        asked.entries().map(async ([remote, names]) => {
          const answer = await remote.json("-/npm/v1/security/advisories/bulk", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(names),
          });
          for (const [name, list] of isObject(answer) ? Object.entries(answer) : [])
            if (Object.hasOwn(names, name) && Array.isArray(list)) found.set(name, list);
        }),
      );
      return found;
    },

    async attestations(name, version, caller) {
      const remote = await remoteOf(name, caller);
      if (!remote) return undefined;
      const what = `${pathOf(name)}@${encodeURIComponent(version)}`;
      const key = `${remote.id} ${what}`;
      const known = attested.get(key);
      if (known) return known.value;
      const value = await remote.json(`-/npm/v1/attestations/${what}`);
      if (value !== undefined && !isObject(value))
        throw new CitadelError("E_REMOTE_ANSWER", "the attestations are none");
      attested.set(key, { value });
      return value;
    },

    keys() {
      if (keyring && keyring.until > Date.now()) return keyring.keys;
      const before = keyring?.keys;
      const keys = Promise.all(
        remotes.map(async (remote) => {
          const answer = await remote.json("-/npm/v1/keys");
          const list = isObject(answer) && Array.isArray(answer["keys"]) ? answer["keys"] : [];
          return list.filter(isObject).filter(isKey);
        }),
      ).then((lists) => lists.flat());
      const current = { until: Date.now() + HOUR, keys };
      keyring = current;
      return keys.catch(async (error: unknown) => {
        log("keys could not be fetched", { error });
        const old = before ? await before.catch(() => []) : [];
        if (keyring === current)
          keyring = { until: Date.now() + 10_000, keys: Promise.resolve(old) };
        return old;
      });
    },
  };
}

/** What a search hit is about; undefined for one that a client would stumble over. */
function hitOf(hit: unknown) {
  const shown = isObject(hit) ? hit["package"] : undefined;
  if (!isObject(hit) || !isObject(shown)) return undefined;
  const { name, version, date, license, maintainers } = shown;
  if (typeof name !== "string" || typeof version !== "string" || !Array.isArray(maintainers))
    return undefined;
  const published = typeof date === "string" ? Date.parse(date) : NaN;
  return {
    object: hit,
    name,
    version,
    published: Number.isNaN(published) ? undefined : published,
    license: typeof license === "string" ? license : undefined,
  };
}

const isKey = ({ keyid, key, keytype, scheme }: JsonObject): boolean =>
  [keyid, key, keytype, scheme].every((text) => typeof text === "string");

function isName(text: string): boolean {
  try {
    return checkName(text) === text;
  } catch {
    return false;
  }
}
