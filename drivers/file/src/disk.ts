import fs from "node:fs";

export interface Stat {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** The file system as this driver uses it; errors carry Node's `code`. A test brings one that forgets what was not synced. */
export interface Disk {
  /** `r` to read, `wx` a new file to write, `a` to append to what is there or a new file; the mode is 0600 */
  open(path: string, flags: "r" | "wx" | "a"): Promise<number>;
  close(fd: number): Promise<void>;
  /** bytes read, 0 at the end of the file */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  /** bytes written; `position` is ignored for `a` */
  write(fd: number, bytes: Uint8Array, position: number): Promise<number>;
  datasync(fd: number): Promise<void>;
  /** makes the names in a folder durable; nothing where the system has no such thing */
  syncFolder(path: string): Promise<void>;
  stat(path: string): Promise<Stat>;
  readdir(path: string): Promise<string[]>;
  /** mode 0700 */
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** sets the modification time to now */
  touch(path: string): Promise<void>;
}

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

const call = <T>(run: (done: Done<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value)));
  });

/** The real one. Callbacks and plain descriptors cost less than `node:fs/promises` and its handles. */
export const nodeDisk: Disk = {
  open: (path, flags) => call((done) => fs.open(path, flags, 0o600, done)),
  close: (fd) => call((done: Done<void>) => fs.close(fd, done as fs.NoParamCallback)),
  read: (fd, into, position) =>
    call((done) => fs.read(fd, into, 0, into.byteLength, position, done)),
  write: (fd, bytes, position) =>
    call((done) => fs.write(fd, bytes, 0, bytes.byteLength, position, done)),
  datasync: (fd) => call((done: Done<void>) => fs.fdatasync(fd, done as fs.NoParamCallback)),
  async syncFolder(path) {
    if (process.platform === "win32") return;
    const fd = await nodeDisk.open(path, "r");
    try {
      await call((done: Done<void>) => fs.fsync(fd, done as fs.NoParamCallback));
    } finally {
      await nodeDisk.close(fd);
    }
  },
  stat: (path) => call((done) => fs.stat(path, done)),
  readdir: (path) => call((done) => fs.readdir(path, done)),
  mkdir: (path) => call((done: Done<void>) => fs.mkdir(path, 0o700, done as fs.NoParamCallback)),
  rmdir: (path) => call((done: Done<void>) => fs.rmdir(path, done as fs.NoParamCallback)),
  link: (from, to) => call((done: Done<void>) => fs.link(from, to, done as fs.NoParamCallback)),
  rename: (from, to) => call((done: Done<void>) => fs.rename(from, to, done as fs.NoParamCallback)),
  unlink: (path) => call((done: Done<void>) => fs.unlink(path, done as fs.NoParamCallback)),
  touch(path) {
    const now = new Date();
    return call((done: Done<void>) => fs.utimes(path, now, now, done as fs.NoParamCallback));
  },
};

/** Writes all of `bytes`, which one call need not. */
export async function writeAll(
  disk: Disk,
  fd: number,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.byteLength;)
    done += await disk.write(fd, bytes.subarray(done), position + done);
}

/** Fills `into` as far as the file goes; the bytes read. */
export async function readAll(
  disk: Disk,
  fd: number,
  into: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < into.byteLength) {
    const n = await disk.read(fd, into.subarray(done), position + done);
    if (n === 0) break;
    done += n;
  }
  return done;
}
