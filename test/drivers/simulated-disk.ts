import { basename, dirname } from "node:path";
import type { Disk } from "@citadel/driver-file";

interface File {
  readonly kind: "file";
  /** what the programs see */
  content: Buffer;
  /** what is surely on the platter, and the writes that may be */
  synced: Buffer;
  writes: { readonly at: number; readonly bytes: Buffer }[];
  changed: number;
}
interface Folder {
  readonly kind: "folder";
  names: Map<string, Node>;
  synced: Map<string, Node>;
  /** what each name was since the last sync, oldest first */
  pending: Map<string, (Node | undefined)[]>;
  changed: number;
}
type Node = File | Folder;

export interface Clock {
  /** ms since 1970 */
  now: number;
}

/** A disk in memory that knows what was written and what was synced, for each file and each name in a folder. */
export interface SimulatedDisk {
  readonly fs: Disk;
  /** Lets everything reach the platter, as a disk does after a while. */
  flush(): void;
  /** The power fails before the call after the next `calls`: none comes back from then on. */
  failAfter(calls: number): void;
  /** resolves when the power has failed */
  readonly failed: Promise<"failed">;
  /**
   * What may be found when the power is back: any subset of the names and writes that were not synced, the last write of a
   * file whole or torn. `most` of them; all when there are no more, else those that `pick` chooses.
   * @param pick a number from 0 to `below` (exclusive)
   */
  images(most: number, pick?: (below: number) => number): Generator<SimulatedDisk, boolean, void>;
  /** paths of all files and empty folders below `path` */
  tree(path: string): string[];
}

export function simulatedDisk(clock: Clock, root: Folder = newFolder(clock)): SimulatedDisk {
  const open = new Map<number, { readonly file: File; readonly append: boolean }>();
  const failure = Promise.withResolvers<"failed">();
  let left = Infinity;
  let fds = 3;

  const find = (path: string): Node | undefined => {
    let node: Node | undefined = root;
    for (const name of path.split("/").filter((part) => part !== ""))
      node = node?.kind === "folder" ? node.names.get(name) : undefined;
    return node;
  };
  const folderAt = (path: string): Folder => {
    const node = find(path);
    if (node?.kind !== "folder") throw failing(node ? "ENOTDIR" : "ENOENT", path);
    return node;
  };
  const fileOf = (fd: number): { readonly file: File; readonly append: boolean } => {
    const found = open.get(fd);
    if (!found) throw failing("EBADF", String(fd));
    return found;
  };
  const nodeAt = (path: string): Node => {
    const node = find(path);
    if (!node) throw failing("ENOENT", path);
    return node;
  };
  const setName = (path: string, node: Node | undefined): void => {
    const folder = folderAt(dirname(path));
    const name = basename(path);
    folder.pending.set(name, [...(folder.pending.get(name) ?? []), node]);
    if (node) folder.names.set(name, node);
    else folder.names.delete(name);
    folder.changed = clock.now;
  };
  /** One call of the system: it happens at once, and its answer comes a little later, or never. */
  const call = <T>(work: () => T): Promise<T> => {
    if (left-- <= 0) {
      failure.resolve("failed");
      return new Promise<T>(() => {});
    }
    return new Promise((resolve) => resolve(work()));
  };

  const fs: Disk = {
    open: (path, flags) =>
      call(() => {
        let file = find(path);
        if (file && flags === "wx") throw failing("EEXIST", path);
        if (!file && flags === "r") throw failing("ENOENT", path);
        if (file?.kind === "folder") throw failing("EISDIR", path);
        if (!file) setName(path, (file = newFile(clock)));
        open.set(fds, { file, append: flags === "a" });
        return fds++;
      }),
    close: (fd) =>
      call(() => {
        fileOf(fd);
        open.delete(fd);
      }),
    read: (fd, into, position) =>
      call(() => fileOf(fd).file.content.copy(into, 0, position, position + into.byteLength)),
    write: (fd, bytes, position) =>
      call(() => {
        const { file, append } = fileOf(fd);
        const at = append ? file.content.length : position;
        const write = { at, bytes: Buffer.from(bytes) };
        file.writes.push(write);
        file.content = written(file.content, write);
        file.changed = clock.now;
        return bytes.byteLength;
      }),
    datasync: (fd) => call(() => syncFile(fileOf(fd).file)),
    syncFolder: (path) => call(() => syncFolder(folderAt(path))),
    stat: (path) =>
      call(() => {
        const node = nodeAt(path);
        const size = node.kind === "file" ? node.content.length : 0;
        return { size, mtimeMs: node.changed, ctimeMs: node.changed };
      }),
    readdir: (path) => call(() => [...folderAt(path).names.keys()]),
    mkdir: (path) =>
      call(() => {
        if (find(path)) throw failing("EEXIST", path);
        setName(path, newFolder(clock));
      }),
    rmdir: (path) =>
      call(() => {
        if (folderAt(path).names.size > 0) throw failing("ENOTEMPTY", path);
        setName(path, undefined);
      }),
    link: (from, to) =>
      call(() => {
        const node = nodeAt(from);
        folderAt(dirname(to));
        if (find(to)) throw failing("EEXIST", to);
        node.changed = clock.now;
        setName(to, node);
      }),
    rename: (from, to) =>
      call(() => {
        const node = nodeAt(from);
        folderAt(dirname(to));
        if (find(to) === node) return; // two names of one file stay, as POSIX wants it
        setName(to, node);
        setName(from, undefined);
      }),
    unlink: (path) =>
      call(() => {
        if (nodeAt(path).kind === "folder") throw failing("EISDIR", path);
        setName(path, undefined);
      }),
    touch: (path) => call(() => void (nodeAt(path).changed = clock.now)),
  };

  return {
    fs,
    flush() {
      for (const node of nodesIn(root)) {
        if (node.kind === "file") syncFile(node);
        else syncFolder(node);
      }
    },
    failAfter: (calls) => void (left = calls),
    failed: failure.promise,
    *images(most, pick) {
      const nodes = nodesIn(root);
      const decisions = nodes.flatMap((node) =>
        node.kind === "file"
          ? [contentsOf(node).length]
          : Array.from(node.pending.values(), (since) => since.length + 1),
      );
      const all = decisions.reduce((product, options) => product * options, 1);
      const isAll = all <= most;
      const seen = new Set<string>();
      for (let n = 0; n < Math.min(all, most); n++) {
        let rest = n;
        const decided = decisions.map((options) => {
          if (!isAll) return pick ? pick(options) : Math.floor(Math.random() * options);
          const choice = rest % options;
          rest = Math.floor(rest / options);
          return choice;
        });
        const image = survivors(root, nodes, decided);
        const text = print(image);
        if (seen.has(text)) continue;
        seen.add(text);
        yield simulatedDisk(clock, image);
      }
      return isAll;
    },
    tree: (path) => [...pathsIn(path, nodeAt(path))].sort(),
  };
}

const newFile = (clock: Clock): File => ({
  kind: "file",
  content: Buffer.alloc(0),
  synced: Buffer.alloc(0),
  writes: [],
  changed: clock.now,
});
const newFolder = (clock: Clock): Folder => ({
  kind: "folder",
  names: new Map(),
  synced: new Map(),
  pending: new Map(),
  changed: clock.now,
});

function syncFile(file: File): void {
  file.synced = file.content;
  file.writes = [];
}

function syncFolder(folder: Folder): void {
  folder.synced = new Map(folder.names);
  folder.pending = new Map();
}

/** The content after a write; what was never written before it is zeros. */
function written(content: Buffer, { at, bytes }: File["writes"][number]): Buffer {
  const after = Buffer.alloc(Math.max(content.length, at + bytes.length));
  content.copy(after);
  bytes.copy(after, at);
  return after;
}

/** All that may be left of a file: each write that was not synced may be there or not, the last one of them in part. */
function contentsOf({ synced, writes }: File): Buffer[] {
  let contents = [synced];
  for (const [n, write] of writes.entries()) {
    const torn = { ...write, bytes: write.bytes.subarray(0, write.bytes.length >> 1) };
    const forms = n === writes.length - 1 && write.bytes.length > 1 ? [write, torn] : [write];
    contents = contents.flatMap((one) => [one, ...forms.map((form) => written(one, form))]);
  }
  return contents;
}

/** Every file and folder that has, had, or may still have a name. */
function nodesIn(root: Folder): Node[] {
  const nodes = new Set<Node>();
  const visit = (node: Node): void => {
    if (nodes.has(node)) return;
    nodes.add(node);
    if (node.kind === "file") return;
    for (const child of [...node.synced.values(), ...[...node.pending.values()].flat()])
      if (child) visit(child);
  };
  visit(root);
  return [...nodes];
}

/** A copy of the tree in which each open question is answered by the next of `decided`. */
function survivors(root: Folder, nodes: readonly Node[], decided: readonly number[]): Folder {
  let next = 0;
  const copies = new Map<Node, Node>();
  const names = new Map<Folder, Map<string, Node>>();
  for (const node of nodes)
    if (node.kind === "file") {
      const content = contentsOf(node)[decided[next++] ?? 0] ?? node.synced;
      copies.set(node, { ...node, content, synced: content, writes: [] });
    } else {
      const survived = new Map(node.synced);
      for (const [name, since] of node.pending) {
        const choice = decided[next++] ?? 0;
        if (choice === 0) continue;
        const value = since[choice - 1];
        if (value) survived.set(name, value);
        else survived.delete(name);
      }
      names.set(node, survived);
      copies.set(node, { ...node, names: new Map(), synced: new Map(), pending: new Map() });
    }
  for (const [folder, survived] of names) {
    const copy = copies.get(folder) as Folder;
    for (const [name, node] of survived) copy.names.set(name, copies.get(node) as Node);
    copy.synced = new Map(copy.names);
  }
  return copies.get(root) as Folder;
}

function* pathsIn(path: string, node: Node): Generator<string, void, void> {
  if (node.kind === "file" || node.names.size === 0) yield path;
  else for (const [name, child] of node.names) yield* pathsIn(`${path}/${name}`, child);
}

/** Equal for equal trees. */
const print = (node: Node): string =>
  node.kind === "file"
    ? node.content.toString("base64")
    : `{${Array.from(node.names, ([name, child]) => `${name}:${print(child)}`)
        .sort()
        .join()}}`;

const failing = (code: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${path}`), { code, errno: -1, syscall: "simulated" });
