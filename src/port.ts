import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/** A process that listens on a port. */
export interface Holder {
  readonly pid: number;
  readonly name: string;
}

const listening = "0A";

/** Who listens on a TCP port of this machine, as far as Linux tells this user; undefined elsewhere. */
export async function holderOf(port: number): Promise<Holder | undefined> {
  const sockets = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"])
    for (const line of (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === listening && parseInt(local.slice(local.indexOf(":") + 1), 16) === port)
        sockets.add(`socket:[${inode}]`);
    }
  if (sockets.size === 0) return undefined;
  for (const pid of await readdir("/proc").catch(() => []))
    if (/^\d+$/.test(pid) && (await holds(pid, sockets)))
      return { pid: Number(pid), name: await nameOf(pid) };
  return undefined;
}

/** Program and script, without arguments: those may hold secrets. */
async function nameOf(pid: string): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const [program = "", script = ""] = line.split("\0");
  return [program, /\.[cm]?[jt]s$|\.py$/.test(script) ? script : ""]
    .filter(Boolean)
    .map((path) => basename(path))
    .join(" ");
}

async function holds(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => []); // other users' are closed to us
  for (const file of files)
    if (sockets.has(await readlink(`/proc/${pid}/fd/${file}`).catch(() => ""))) return true;
  return false;
}
