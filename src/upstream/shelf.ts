import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import { segment, type Driver, type Key } from "../driver/index.ts";
import { logger } from "../log.ts";
import type { Form } from "../registry/types.ts";
import type { Validators } from "./remote.ts";

/** Where everything lies that came from upstream, apart from what was published here. */
export const CACHE = "c/upstream/";

/** What is known of a packument that lies in the store. */
export interface Kept {
  readonly v: 1;
  readonly validators: Validators;
  /** base64url SHA-256 of its bytes */
  readonly digest: string;
  /** ms since 1970: when these bytes came */
  readonly fetched: number;
  /** ms since 1970: when upstream last said that they are the newest */
  readonly checked: number;
}

/** Packuments of upstreams in the store, for all servers. What cannot be read is not there; what cannot be written is not kept. */
export interface Shelf {
  state(id: string, name: string, form: Form): Promise<Kept | undefined>;
  /** The bytes that a state is about; undefined when they are others or damaged. */
  bytes(id: string, name: string, form: Form, kept: Kept): Promise<Buffer | undefined>;
  /** Keeps new bytes, then their state; without bytes the state alone. */
  keep(id: string, name: string, form: Form, kept: Kept, bytes?: Buffer): Promise<void>;
  forget(id: string, name: string, form: Form): Promise<void>;
}

/** Where a packument lies; both its objects are below it. */
const place = (id: string, name: string, form: Form): Key =>
  `${CACHE}${id}/p/${segment(name)}/${form}`;

/** @param wrote hears the bytes of what was written */
export function createShelf(driver: Driver, wrote: (bytes: number) => void): Shelf {
  const log = logger("upstream");
  const quiet = async <T>(work: () => Promise<T>, what: string): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      log(what, { error });
      return undefined;
    }
  };

  return {
    state: (id, name, form) =>
      quiet(async () => {
        const item = await driver.get(`${place(id, name, form)}/state`);
        if (!item) return undefined;
        const kept = JSON.parse(Buffer.from(item.body).toString("utf8")) as Kept;
        return kept.v === 1 ? kept : undefined;
      }, "a state could not be read"),

    bytes: (id, name, form, { digest }) =>
      quiet(async () => {
        const item = await driver.get(`${place(id, name, form)}/body`);
        if (!item) return undefined;
        const bytes = await inflate(item.body);
        const found = createHash("sha256").update(bytes).digest("base64url");
        return found === digest ? bytes : undefined;
      }, "a packument could not be read"),

    async keep(id, name, form, kept, bytes) {
      await quiet(async () => {
        const at = place(id, name, form);
        const state = Buffer.from(JSON.stringify(kept));
        if (bytes) {
          const small = await deflate(bytes);
          if (small.byteLength > driver.caps.maxItem) return;
          await driver.put(`${at}/body`, small, { relaxed: true });
          wrote(small.byteLength);
        }
        await driver.put(`${at}/state`, state, { relaxed: true });
      }, "a packument could not be kept");
    },

    async forget(id, name, form) {
      const at = place(id, name, form);
      await quiet(async () => {
        await driver.delete(`${at}/state`);
        await driver.delete(`${at}/body`);
      }, "a packument could not be forgotten");
    },
  };
}

const deflate = promisify(zstdCompress);
const inflate = promisify(zstdDecompress);
