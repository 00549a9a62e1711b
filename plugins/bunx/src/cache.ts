import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How far the form of what is kept here goes back. */
const schema = 1;

/** A package with everything that it needs, ready to run. */
export interface Entry {
  readonly id: string;
  /** absolute path of its folder */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** of the tarball; of a git repository its commit */
  readonly integrity: string;
  /** the registry behind ours that it came from; absent: published here */
  readonly upstream?: string | undefined;
  /** SHA-256 of its lockfile, hex */
  readonly lock: string;
  /** SHA-256 of the list of its files, hex */
  readonly files: string;
  /** bytes */
  readonly size: number;
  /** packages whose install scripts have run, with their versions */
  readonly ran: readonly string[];
  /** packages whose install scripts have not */
  readonly skipped: readonly string[];
  /** ms since 1970 */
  readonly created: number;
  /** ms since 1970 */
  readonly used: number;
}

/** What an entry is made for: another of these is another entry. */
export interface Identity {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** `<name>@<version>` of the packages whose install scripts may run */
  readonly scripts: readonly string[];
}

/** A version that somebody was told, so that nobody need be asked again at once. */
export interface Answer {
  readonly version: string;
  readonly integrity: string;
  readonly upstream?: string | undefined;
  /** ms since 1970 */
  readonly at: number;
}

/** The folders of the runner below the cache folder of Citadel. */
export interface RunCache {
  /** content by its hash, shared by all entries */
  readonly content: string;
  /** what is being made; not on another disk than the entries */
  readonly drafts: string;
  idOf(identity: Identity): string;
  find(id: string): Promise<Entry | undefined>;
  list(): Promise<Entry[]>;
  /**
   * Puts a finished draft in its place. Where another process was faster its entry stays; `replace` puts a damaged one away.
   * @param entry without what the cache knows itself
   */
  keep(
    draft: string,
    id: string,
    entry: Omit<Entry, "id" | "folder" | "created" | "used">,
    options?: { readonly replace?: boolean },
  ): Promise<Entry>;
  /** @param key names the question */
  answer(key: string): Promise<Answer | undefined>;
  remember(key: string, answer: Answer): Promise<void>;
  /** Marks an entry as in use by this process. Waits for who is about to remove it. @returns takes the mark away */
  use(id: string): Promise<() => Promise<void>>;
  /** Whether a living process runs it. */
  isUsed(id: string): Promise<boolean>;
  /** Removes an entry unless somebody uses it. @returns whether it is gone */
  remove(id: string): Promise<boolean>;
  /** Removes what dead processes and removed entries left behind. @returns how many there were */
  sweep(options: { readonly dryRun: boolean }): Promise<number>;
}

const removing = "removing";
const day = 86_400_000;

export function openCache(folder: string): RunCache {
  const root = join(folder, "bunx");
  const [entries, uses, answers, drafts] = ["entries", "uses", "answers", "drafts"].map((name) =>
    join(root, name),
  ) as [string, string, string, string];
  const answerPath = (key: string): string => join(answers, `${sha256(key)}.json`);
  const away = (): string => join(drafts, `${process.pid}-${randomBytes(6).toString("hex")}`);

  const find: RunCache["find"] = async (id) => {
    const at = join(entries, id);
    const path = join(at, "entry.json");
    const [text, times] = await Promise.all([
      readFile(path, "utf8").catch(() => ""),
      stat(path).catch(() => undefined),
    ]);
    const kept = parsed<Omit<Entry, "used"> & { readonly schema: number }>(text);
    if (!kept || !times || kept.schema !== schema) return undefined;
    return { ...kept, id, folder: at, used: times.mtimeMs };
  };

  const list: RunCache["list"] = async () => {
    const ids = await readdir(entries).catch(() => []);
    const found = await Promise.all(ids.map(find));
    return found.filter((entry) => entry !== undefined);
  };

  /** Marks of processes that run an entry now; those of dead ones are removed. */
  const users = async (id: string): Promise<string[]> => {
    const at = join(uses, id);
    const marks = await readdir(at).catch(() => []);
    const living = marks
      .filter((mark) => mark !== removing)
      .filter((mark) => isAlive(Number.parseInt(mark, 10)));
    for (const mark of marks)
      if (mark !== removing && !living.includes(mark)) await rm(join(at, mark), { force: true });
    return living;
  };

  /** Whether a living process is about to remove the entry. */
  const isBeingRemoved = async (id: string): Promise<boolean> => {
    const path = join(uses, id, removing);
    const pid = await readFile(path, "utf8").catch(() => undefined);
    if (pid === undefined) return false;
    if (isAlive(Number(pid))) return true;
    await rm(path, { force: true });
    return false;
  };

  return {
    content: join(root, "content"),
    drafts,
    find,

    idOf({ name, version, integrity, scripts }) {
      const { platform, arch, versions } = process;
      const what = [
        name,
        version,
        integrity,
        platform,
        arch,
        versions.modules,
        ...[...scripts].sort(),
      ];
      const readable = `${name}@${version}`
        .replace("/", "+")
        .replace(/[^\w.@+-]/g, "_")
        .slice(0, 120);
      return `${readable}-${sha256(JSON.stringify(what)).slice(0, 16)}`;
    },

    list,

    async keep(draft, id, entry, { replace = false } = {}) {
      const kept = { schema, ...entry, created: Date.now() };
      await writeFile(join(draft, "entry.json"), JSON.stringify(kept));
      await mkdir(entries, { recursive: true, mode: 0o700 });
      const at = join(entries, id);
      if (replace) await rename(at, away()).catch(() => {});
      try {
        await rename(draft, at);
      } catch (error) {
        if (!(await find(id))) throw error;
      }
      const found = await find(id);
      if (!found) throw new Error(`${at} went away`);
      return found;
    },

    async answer(key) {
      return parsed<Answer>(await readFile(answerPath(key), "utf8").catch(() => ""));
    },

    async remember(key, answer) {
      await mkdir(answers, { recursive: true, mode: 0o700 });
      await mkdir(drafts, { recursive: true, mode: 0o700 });
      const draft = away();
      await writeFile(draft, JSON.stringify(answer));
      await rename(draft, answerPath(key));
    },

    async use(id) {
      const mark = join(uses, id, `${process.pid}-${randomBytes(6).toString("hex")}`);
      await mkdir(join(uses, id), { recursive: true, mode: 0o700 });
      await writeFile(mark, "");
      // who removes looks for marks after it has said so: one of the two sees the other
      while (await isBeingRemoved(id)) await new Promise((resolve) => setTimeout(resolve, 20));
      const now = new Date();
      await utimes(join(entries, id, "entry.json"), now, now).catch(() => {});
      return () => rm(mark, { force: true });
    },

    isUsed: async (id) => (await users(id)).length > 0,

    async remove(id) {
      const at = join(uses, id);
      await mkdir(at, { recursive: true, mode: 0o700 });
      await mkdir(drafts, { recursive: true, mode: 0o700 });
      const notice = join(at, removing);
      if (await isBeingRemoved(id)) return false;
      try {
        await writeFile(notice, String(process.pid), { flag: "wx" });
      } catch {
        return false;
      }
      const gone = away();
      try {
        if ((await users(id)).length > 0) return false;
        await rename(join(entries, id), gone);
      } finally {
        await rm(notice, { force: true });
      }
      await rm(gone, { recursive: true, force: true });
      return true;
    },

    async sweep({ dryRun }) {
      const orphans: string[] = [];
      for (const name of await readdir(drafts).catch(() => []))
        if (!isAlive(Number.parseInt(name, 10))) orphans.push(join(drafts, name));
      for (const id of await readdir(entries).catch(() => []))
        if (!(await find(id))) orphans.push(join(entries, id));
      for (const id of await readdir(uses).catch(() => []))
        if (!(await find(id)) && (await users(id)).length === 0) orphans.push(join(uses, id));
      const hashes = new Set((await list()).map(({ integrity }) => integrity));
      for (const file of await readdir(answers).catch(() => [])) {
        const path = join(answers, file);
        const answer = parsed<Answer>(await readFile(path, "utf8").catch(() => ""));
        // one of today may be about what is being installed
        if (answer && Date.now() - answer.at < day) continue;
        if (!answer || !hashes.has(answer.integrity)) orphans.push(path);
      }
      if (!dryRun) for (const path of orphans) await rm(path, { recursive: true, force: true });
      return orphans.length;
    },
  };
}

export const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

function parsed<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Whether a process of this machine lives, its owner whoever. */
function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
