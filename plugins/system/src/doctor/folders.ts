import { lstat, readdir, readlink, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatSize } from "@citadel/core/config";
import { good, problem, warning, type Check, type Finding } from "./finding.ts";
import { narrow, octal } from "./modes.ts";

const posix = process.platform !== "win32";

/** Rights that nobody but this user may have: all of them, or writing alone. */
const closed = 0o077;
const unwritable = 0o022;

/** Folders and files that must be this user's, and no wider than needed. */
export const checkFolders: Check = async function* ({ dirs }) {
  const vault = join(dirs.config, "vault");
  const all: readonly (readonly [path: string, mask: number, why: string])[] = [
    [dirs.data, closed, "packages, history and the key of this server lie there"],
    [join(dirs.data, "server.key"), closed, "it opens the signing keys and secrets of the store"],
    [join(dirs.data, "registry.db"), unwritable, "who changes it changes the registry"],
    [join(dirs.data, "blobs"), unwritable, "who changes it changes packages"],
    [dirs.cache, unwritable, "answers are taken from there"],
    [dirs.config, unwritable, "settings and plugins are taken from there"],
    [vault, closed, "the identity that opens the vault lies there"],
    [join(vault, "identity.jwe"), closed, "it opens the vault"],
  ];
  let there = 0;
  const found: Finding[] = [];
  for (const [path, mask, why] of all) {
    const seen = await look(path, mask, why);
    if (seen) there++;
    found.push(...(seen ?? []));
  }
  yield* found;
  if (found.length === 0)
    yield good("folders", there === 0 ? "none is there yet" : `${there} are this user's alone`);
};

/** @returns undefined for what is not there */
async function look(path: string, mask: number, why: string): Promise<Finding[] | undefined> {
  const entry = await lstat(path).catch(() => undefined);
  if (!entry) return undefined;
  const check = "folders";
  const found: Finding[] = [];
  if (entry.isSymbolicLink()) {
    const to = await readlink(path);
    found.push(warning(check, `${path} is a link to ${to}`, `${why}; who can change the link decides where`, [`name the folder itself: CITADEL_DATA_DIR and its kin, see docs/configuration.md`])); // prettier-ignore
  }
  const real = await stat(path).catch(() => undefined);
  if (!real || !posix) return found;
  const me = process.getuid?.();
  if (real.uid !== me)
    found.push(problem(check, `${path} belongs to the user ${real.uid}, this is ${me}`, `${why}; its owner can read and change all of it`, [`chown -R ${me} ${path}`, "or run citadel as its owner"])); // prettier-ignore
  if (real.mode & mask)
    found.push(warning(check, `${path} is open to others (${octal(real.mode)})`, why, [`chmod ${octal(real.mode & ~mask)} ${path}`], narrow(path, mask))); // prettier-ignore
  return found;
}

/** bytes that leave no room to work, and that are worth a warning */
const least = 100e6;
const little = 1e9;

/** Room where things are kept. */
export const checkDisk: Check = async function* ({ dirs, loaded }) {
  const stores = loaded ? [loaded.settings.store.documents, loaded.settings.store.blobs] : [];
  const paths = [dirs.data, dirs.cache, ...stores.flatMap((url) => pathOf(url) ?? [])];
  const seen = new Set<string>();
  for (const path of paths) {
    const { at, found } = (await spaceOf(path)) ?? {};
    if (!at || !found) continue;
    const { dev } = await stat(at);
    const id = `${dev}`;
    if (seen.has(id)) continue;
    seen.add(id);
    const free = found.bavail * found.bsize;
    const what = `${formatSize(free)} free at ${path}`;
    const why = "a full disk refuses every publish, and SQLite needs room to tidy up";
    const fix = ["free some: citadel local:cleanup, citadel local:clear-cache", "or move the store: docs/moving.md"]; // prettier-ignore
    if (free < least) yield problem("disk", what, why, fix, 7);
    else if (free < little) yield warning("disk", what, why, fix);
    else if (found.files > 0 && found.ffree < 10_000)
      yield warning("disk", `${found.ffree} files can still be made at ${path}`, why, fix);
    else yield good("disk", what);
  }
};

/** The path of a store on this machine. */
export function pathOf(url: string): string | undefined {
  const [, rest] = /^(?:file|sqlite):(\/\/.*?)(?:\?.*)?$/.exec(url) ?? [];
  return rest === undefined ? undefined : fileURLToPath(`file:${rest}`);
}

async function spaceOf(path: string) {
  for (let at = path; ; at = dirname(at)) {
    const found = await statfs(at).catch(() => undefined);
    if (found) return { at, found };
    if (dirname(at) === at) return undefined;
  }
}

/** ms that a temporary file of a process that is gone must be old: a process of another container has other numbers */
const old = 3_600_000;

/** What killed processes left behind. */
export const checkLeftovers: Check = async function* ({ dirs, loaded }) {
  const grace = loaded?.settings.store.grace ?? 48 * 3_600_000;
  const found: string[] = [];
  for (const folder of [join(dirs.data, "tmp"), join(dirs.cache, "tmp")])
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const age = Date.now() - ((await lstat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
      const [, pid] = /^spool-(\d+)-/.exec(name) ?? [];
      if (age > (pid !== undefined && !alive(Number(pid)) ? old : grace)) found.push(path);
    }
  if (found.length === 0) return yield good("leftovers", "no temporary files of killed processes");
  yield warning(
    "leftovers",
    `${found.length} temporary files of killed processes: ${found.slice(0, 3).join(", ")}`,
    "they take room, and nobody needs them",
    ["remove them: citadel doctor --fix"],
    {
      // prettier-ignore
      what: `removed ${found.length} temporary files`,
      async run() {
        for (const path of found) await rm(path, { recursive: true, force: true });
      },
    },
  );
};

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
