import { randomUUID } from "node:crypto";
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files of one run that nobody else reads: in memory where the system has a folder for that. */
export interface PrivateFiles {
  /** they lie on a disk */
  readonly onDisk: boolean;
  /** @returns its path */
  write(name: string, value: Uint8Array): string;
  /** @returns a descriptor to read it by; the file has no name any more */
  unnamed(value: Uint8Array): number;
  remove(): void;
}

const prefix = "citadel-run-";

/** Makes a folder, and removes those that a killed run has left behind. */
export function openPrivateFiles(runtime: string | undefined): PrivateFiles {
  const memory = [runtime, "/dev/shm"].find((path) => path !== undefined && inMemory(path));
  const parent = memory ?? tmpdir();
  sweep(parent);
  const folder = join(parent, `${prefix}${process.pid}-${randomUUID()}`);
  mkdirSync(folder, { mode: 0o700 });
  const descriptors: number[] = [];
  const remove = (): void => {
    for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
    rmSync(folder, { recursive: true, force: true });
    process.off("exit", remove);
  };
  // whatever ends this process, short of a kill
  process.on("exit", remove);
  const write = (name: string, value: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, value, { mode: 0o600, flag: "wx" });
    return path;
  };
  return {
    onDisk: memory === undefined,
    write,
    unnamed(value) {
      const path = write(randomUUID(), value);
      const descriptor = openSync(path, "r");
      descriptors.push(descriptor);
      rmSync(path);
      return descriptor;
    },
    remove,
  };
}

/** File systems that never reach a disk, unless memory is paged out: tmpfs and ramfs of Linux. */
const memoryTypes: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

function inMemory(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return process.platform === "linux" && memoryTypes.has(statfsSync(path).type);
  } catch {
    return false;
  }
}

function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    const pid = Number(/^(\d+)-/.exec(rest)?.[1] ?? 0);
    const path = join(parent, name);
    if (
      pid === 0 ||
      isAlive(pid) ||
      lstatSync(path, { throwIfNoEntry: false })?.uid !== process.getuid?.()
    )
      continue;
    rmSync(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
