import { storeCode, type Driver, type ETag, type Key } from "../driver/index.ts";

/** How far a hook has come, `n/hooks/<id>`: moved by compare-and-set alone. */
export interface Progress {
  readonly v: 1;
  /** number of the newest change that is done with, see `changes.ts` */
  readonly seq: number;
  /** in the change after it: the newest event that was told, by revision and place */
  readonly told?: readonly [rev: number, n: number];
  /** of a hook of the registry: number of the newest notice that is done with */
  readonly noticed?: number;
  /** `updated` of the hook that the rest is about */
  readonly of: number;
  /** ms since 1970 of the newest call */
  readonly last?: number;
  /** status of its answer */
  readonly code?: number;
  /** calls for one event that failed */
  readonly tries: number;
  /** ms since 1970 of the first of them */
  readonly failing?: number;
  /** ms since 1970 before which there is no further call */
  readonly next?: number;
  /** given up */
  readonly disabled?: true;
  /** who calls at the moment; counts until then (ms since 1970) */
  readonly lease?: { readonly by: string; readonly until: number };
}

export interface Mark {
  readonly etag: ETag;
  readonly progress: Progress;
}

const keyOf = (id: string): Key => `n/hooks/${id}`;

export interface Marks {
  read(id: string): Promise<Mark | undefined>;
  /** @param before undefined: there is none @returns undefined when somebody else was faster, or may have been */
  write(id: string, progress: Progress, before: ETag | undefined): Promise<Mark | undefined>;
  remove(id: string): Promise<void>;
}

export function createMarks(driver: Driver): Marks {
  return {
    async read(id) {
      const item = await driver.get(keyOf(id));
      if (!item) return undefined;
      return {
        etag: item.etag,
        progress: JSON.parse(Buffer.from(item.body).toString()) as Progress,
      };
    },
    async write(id, progress, before) {
      const condition = before === undefined ? { ifAbsent: true as const } : { ifMatch: before };
      try {
        const body = Buffer.from(JSON.stringify(progress));
        const { etag } = await driver.put(keyOf(id), body, condition);
        return { etag, progress };
      } catch (error) {
        const code = storeCode(error);
        if (code === "CONFLICT" || code === "UNKNOWN") return undefined;
        throw error;
      }
    },
    remove: (id) => driver.delete(keyOf(id)),
  };
}

/** What counts for a hook that may have been updated since: it begins anew where it stopped. */
export function current(progress: Progress, updated: number): Progress {
  if (progress.of === updated) return progress;
  const { failing: _, next: __, disabled: ___, ...rest } = progress;
  return { ...rest, of: updated, tries: 0 };
}
