import { watch, type FSWatcher } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Environment } from "../config/environment.ts";
import { createDurations, type Durations } from "../durations.ts";
import { CitadelError } from "../errors.ts";
import { logger } from "../log.ts";
import { replaceFile } from "../replace-file.ts";
import type { Actor } from "../store/types.ts";
import { decodeBody, encodeBody, type LockBody } from "./body.ts";
import { byteFields, features, headerLength, hex, type ByteField, type Feature } from "./fields.ts";
import {
  decodeHeader,
  defaultHeader,
  flagsOffset,
  hashOf,
  hashOffset,
  placeOf,
  runs,
  withBytes,
  reservedOffset,
  type ConfigBytes,
  type Defaults,
} from "./header.ts";
import { createLock, type Order } from "./lock.ts";
import { overlay } from "./overlay.ts";

/** ms between a change and its way to the disk, and between looks at a file that others may change */
const lazily = 100;
const looking = 2000;

/** One change, of one byte or of the four of the hash. */
export interface Change {
  readonly offset: number;
  /** of the bytes from `offset` on */
  readonly old: readonly number[];
  readonly new: readonly number[];
  /** its place among all changes of the file, by whichever process of this machine, from 1 */
  readonly generation: number;
  /** `there`: in another process of this machine; `file`: the file was found changed */
  readonly source: "here" | "there" | "file";
  /** who made it, where this process did */
  readonly by?: Actor;
  /** how whoever made it elsewhere came */
  readonly via?: Actor["via"];
}

export interface Changing {
  /** who is to stand in the history @default nobody: `system` */
  readonly by?: Actor;
}

/** The configuration of thirteen bytes: switches that a running registry follows at once. */
export interface Live {
  /** What counts now: the file, and above it the environment. */
  getConfig(): ConfigBytes;
  /** The same as bytes. */
  bytes(): Buffer;
  /** number of the last change that this process has seen */
  generation(): number;
  isOn(feature: Feature): boolean;
  /**
   * Changes one byte, by the name of its field or by its offset.
   * @param expect change it only when this stands there
   * @param force also a byte of the hash
   * @throws E_INVALID_DOCUMENT for a value that may not stand there, E_CONFLICT
   */
  setByte(
    field: ByteField | number,
    value: number,
    options?: Changing & { readonly expect?: number | undefined; readonly force?: boolean },
  ): Promise<Change>;
  /** The hash of another address. @throws E_INVALID_DOCUMENT */
  setRegistry(url: string, options?: Changing): Promise<Change>;
  /**
   * Turns a feature on or off, or over.
   * @param feature its name, or the number of a bit
   * @throws E_INVALID_DOCUMENT for one that there is not
   */
  toggleFeature(feature: Feature | number, on?: boolean, options?: Changing): Promise<Change>;
  /** Makes the file where there is none, so that all processes of this machine mean the registry of this one. */
  make(): Promise<void>;
  /** Resolves when every change is on the disk and in the history. */
  save(): Promise<void>;
  /** Looks at the file now. @throws E_CONFIG when it is not what it must be; then what counted before goes on */
  reload(): Promise<void>;
  /** What stands behind the header; undefined when nothing does. @throws E_CONFIG */
  readPackages(): Promise<LockBody["packages"] | undefined>;
  writePackages(packages: LockBody["packages"]): Promise<void>;
  /** how long changes of this process took to be written */
  readonly writes: Durations;
  /** Hears every change, of this process and, from the first listener on, of others. @returns ends it */
  watch(listener: (change: Change) => void): () => void;
  /** Writes through what is not yet on the disk. */
  close(): Promise<void>;
}

export interface LiveOptions {
  /** a file that need not be there: it is made by the first change */
  readonly path: string;
  readonly defaults: Defaults;
  readonly env: Environment;
  /** puts a change of this process into the history */
  readonly record?: (change: Change, by: Actor) => Promise<void>;
}

const nobody: Actor = { name: "system", via: "system" };

/** @throws E_CONFIG when the file is not what it must be; nothing is ever repaired silently */
export async function openLive({ path, defaults, env, record }: LiveOptions): Promise<Live> {
  const log = logger("live", env);
  const lock = createLock(`${path}.lock`);
  const over = overlay(env);
  const listeners = new Set<(change: Change) => void>();
  // before the file: what is changed meanwhile is then told once more, and not left out
  let generation = await lock.newest();
  let stored = (await load(path)) ?? defaultHeader(defaults);
  let effective = over(stored);
  let current = decodeHeader(effective);
  let dirty: NodeJS.Timeout | undefined;
  const writes = createDurations();
  const recording = new Set<Promise<void>>();
  let watching: { readonly watcher?: FSWatcher; readonly timer: NodeJS.Timeout } | undefined;

  /** Takes over one change, and tells of it. */
  const accept = (
    number: number,
    offset: number,
    bytes: readonly number[],
    from: Pick<Change, "source" | "by" | "via">,
  ): Change => {
    const change: Change = {
      offset,
      old: [...stored.subarray(offset, offset + bytes.length)],
      new: bytes,
      generation: (generation = number),
      ...from,
    };
    stored = withBytes(stored, offset, Buffer.from(bytes));
    effective = over(stored);
    current = decodeHeader(effective);
    for (const listener of listeners) listener(change);
    return change;
  };

  /** Takes over what others have changed, in its order, and what was changed past all of them. @returns whether there is a file */
  const catchUp = async (order: Order): Promise<boolean> => {
    for (const { generation: number, offset, bytes, via } of order.after(generation))
      accept(number, offset, bytes, { source: "there", ...(via && { via }) });
    const found = await load(path);
    for (const [offset, bytes] of runs(stored, found ?? stored))
      accept(order.add(offset, bytes), offset, bytes, { source: "file" });
    return found !== undefined;
  };

  const flush = async (): Promise<void> => {
    clearTimeout(dirty);
    if (!dirty) return;
    dirty = undefined;
    const file = await open(path, "r+");
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  };

  /** Under the lock: makes the file when there is none, then writes exactly these bytes. */
  const write = async (
    plan: (now: Buffer) => { readonly offset: number; readonly bytes: Buffer },
    { by = nobody }: Changing = {},
  ): Promise<Change> => {
    const began = performance.now();
    const change = await lock.within(async (order): Promise<Change> => {
      const exists = await catchUp(order);
      const { offset, bytes } = plan(stored);
      const next = withBytes(stored, offset, bytes);
      decodeHeader(next);
      if (!exists) await replaceFile(path, next);
      else if (!next.equals(stored)) {
        const file = await open(path, "r+");
        try {
          await file.write(bytes, 0, bytes.length, offset);
        } finally {
          await file.close();
        }
        dirty ??= setTimeout(() => void flush().catch(failed), lazily).unref();
      }
      // one place, or none
      const [made] = Array.from(runs(stored, next), ([at, now]) =>
        accept(order.add(at, now, by.via), at, now, { source: "here", by }),
      );
      const same = [...bytes];
      return made ?? { offset, old: same, new: same, generation, source: "here" };
    });
    writes.note(performance.now() - began);
    if (record && change.old.some((byte, n) => byte !== change.new[n])) {
      // a switch works while the store is away, and does not wait for it
      const recorded = record(change, by)
        .catch((error: unknown) => log("a change is not in the history", { error }))
        .finally(() => recording.delete(recorded));
      recording.add(recorded);
    }
    return change;
  };
  const failed = (error: unknown): void =>
    log("the configuration is not on the disk yet", { error });

  const reload = async (): Promise<void> => {
    const found = await load(path);
    // mostly nothing has changed, and nobody has to wait for anybody
    if (found?.equals(stored) !== false && (await lock.newest()) <= generation) return;
    await lock.within(catchUp);
  };
  const look = (): Promise<void> =>
    reload().catch((error: unknown) =>
      log("the configuration was changed to something that it cannot be", { error }),
    );
  const save = async (): Promise<void> => {
    await flush();
    await Promise.all(recording);
  };
  const startWatching = (): void => {
    const timer = setInterval(() => void look(), looking).unref();
    try {
      const watcher = watch(dirname(path), { persistent: false }, (_, name) => {
        if (name === basename(path)) void look();
      });
      watcher.on("error", () => watcher.close()); // the timer goes on
      watching = { timer, watcher };
    } catch {
      watching = { timer };
    }
  };

  return {
    getConfig: () => current,
    bytes: () => Buffer.from(effective),
    generation: () => generation,
    isOn: (feature) => current.features[feature],

    setByte: (field, value, { expect, force = false, ...changing } = {}) =>
      write((now) => {
        const offset = typeof field === "number" ? field : byteFields[field]?.offset;
        if (offset === undefined || !(offset >= 0 && offset < headerLength))
          throw invalid(`${JSON.stringify(field)} is no field of the configuration`);
        demandWritable(offset, value, force);
        const found = now[offset] ?? 0;
        if (expect !== undefined && expect !== found)
          throw new CitadelError("E_CONFLICT", `byte ${hex(offset)} is ${found}, not ${expect}`, {
            hint: ["look again, then change it: citadel config:bytes"],
          });
        return { offset, bytes: Buffer.of(value) };
      }, changing),

    async setRegistry(url, changing) {
      const bytes = hashOf(url);
      return write(() => ({ offset: hashOffset, bytes }), changing);
    },

    async toggleFeature(feature, on, changing) {
      const bit = typeof feature === "number" ? feature : features.indexOf(feature);
      if (!(bit >= 0 && bit < 32))
        throw invalid(`${JSON.stringify(feature)} is no feature: ${features.join(", ")}`);
      const { offset, mask } = placeOf(bit);
      return write((now) => {
        const found = now[offset] ?? 0;
        const state = on ?? (found & mask) === 0;
        return { offset, bytes: Buffer.of(state ? found | mask : found & ~mask) };
      }, changing);
    },

    async make() {
      if (await read(path)) return;
      await write((now) => ({ offset: 0, bytes: now.subarray(0, 1) }));
    },
    save,
    reload,

    async readPackages() {
      const file = await read(path);
      return file && decodeBody(file)?.packages;
    },

    writePackages: (packages) =>
      lock.within(async (order) => {
        await catchUp(order);
        const body = encodeBody({ lockVersion: 1, packages });
        await replaceFile(path, Buffer.concat([stored, body]));
      }),

    writes,

    watch(listener) {
      listeners.add(listener);
      if (!watching) startWatching();
      return () => void listeners.delete(listener);
    },

    async close() {
      clearInterval(watching?.timer);
      watching?.watcher?.close();
      await save();
      lock.close();
    },
  };
}

/** The header of the file, checked with what stands behind it; undefined when there is no file. @throws E_CONFIG */
async function load(path: string): Promise<Buffer | undefined> {
  const file = await read(path);
  if (!file) return undefined;
  decodeHeader(file);
  decodeBody(file);
  return Buffer.from(file.subarray(0, headerLength));
}

/** The whole file, read until two looks agree: somebody may be writing. */
async function read(path: string): Promise<Buffer | undefined> {
  try {
    for (let last = await readFile(path); ;) {
      const again = await readFile(path);
      if (again.equals(last)) return again;
      last = again;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CitadelError("E_CONFIG", `${path} cannot be read`, { cause: error });
  }
}

function demandWritable(offset: number, value: number, force: boolean): void {
  const [name, field] = Object.entries(byteFields).find(([, each]) => each.offset === offset) ?? [];
  const { least, most } = field ?? { least: 0, most: 255 };
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalid(`${name ?? `byte ${hex(offset)}`} is ${least} to ${most}, not ${String(value)}`);
  if (offset === reservedOffset) throw invalid(`byte ${hex(offset)} is reserved`);
  if (offset >= hashOffset && offset < flagsOffset && !force)
    throw invalid(`byte ${hex(offset)} is part of the registry's hash, which an address sets`);
}

const invalid = (message: string): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["see what there is: citadel config:bytes"],
  });
