import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a process has counted for one tier. */
export interface Counts {
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
}

/** What a process has counted, by the URL of the tier, and what its memory holds. */
export interface Tally {
  readonly tiers: Readonly<Record<string, Counts>>;
  readonly memory: { readonly entries: number; readonly bytes: number };
}

interface Note extends Tally {
  readonly pid: number;
  /** ms since 1970 */
  readonly at: number;
}

/** The counts of all processes of this machine, in a file each, so that one that asks sees what the others did. */
export interface Tallies {
  /** Writes the counts of this process down, if they changed. Never rejects: they are only numbers. */
  save(): Promise<void>;
  /** All processes together, this one as of now. */
  sum(): Promise<Tally>;
  clear(): Promise<void>;
}

const WEEK = 7 * 24 * 3_600_000;

export function openTallies(folder: string, mine: () => Tally): Tallies {
  const file = join(folder, `${process.pid}-${randomUUID().slice(0, 8)}.json`);
  let saved = "";

  async function* others(): AsyncGenerator<Note> {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      if (path === file || !name.endsWith(".json")) continue;
      try {
        const note = JSON.parse(await readFile(path, "utf8")) as Note;
        if (note.at > Date.now() - WEEK) yield note;
        else await rm(path, { force: true });
      } catch {
        // another process took it away, or it is no such file
      }
    }
  }

  return {
    async save() {
      const tally = mine();
      const text = JSON.stringify(tally);
      if (text === saved || Object.values(tally.tiers).every((n) => n.hits + n.misses === 0))
        return;
      const note: Note = { ...tally, pid: process.pid, at: Date.now() };
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(`${file}.new`, JSON.stringify(note), { mode: 0o600 });
        await rename(`${file}.new`, file);
        saved = text;
      } catch {
        // a folder that cannot be written: the other processes will not see these
      }
    },
    async sum() {
      const tally = mine();
      const tiers: Record<string, Counts> = { ...tally.tiers };
      const memory = { ...tally.memory };
      for await (const note of others()) {
        for (const [url, { hits, misses, evictions }] of Object.entries(note.tiers)) {
          const so = tiers[url] ?? { hits: 0, misses: 0, evictions: 0 };
          tiers[url] = {
            hits: so.hits + hits,
            misses: so.misses + misses,
            evictions: so.evictions + evictions,
          };
        }
        if (!alive(note.pid)) continue;
        memory.entries += note.memory.entries;
        memory.bytes += note.memory.bytes;
      }
      return { tiers, memory };
    },
    async clear() {
      await rm(folder, { recursive: true, force: true });
      saved = "";
    },
  };
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
