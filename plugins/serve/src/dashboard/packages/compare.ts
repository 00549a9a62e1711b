import { textDiff, type Contents, type Hunk, type PackedFile } from "@citadel/core/documents";
import { CitadelError, createTurns } from "@citadel/core";
import type { Context } from "hono";
import { param, type Env, type Handler, type Visit } from "../../npm/room.ts";
import { textOf, type Shelf } from "./contents.ts";
import type { Kept } from "./kept.ts";
import { locate, type Located } from "./located.ts";

/** goes up when a difference is told otherwise */
const format = 1;
/** files that are listed; bytes of one that is compared; lines, and characters of a line, that are shown */
const mostFiles = 5000;
const largest = 2 ** 20;
const mostLines = 10_000;
const longest = 1000;
/** files that are compared at once */
const atOnce = 2;

/** Which files changed from one version to another. */
export interface Comparison {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** by path */
  readonly items: readonly FileChange[];
  readonly total: number;
  /** a version holds more files than were looked at */
  readonly cut: boolean;
}

export interface FileChange {
  readonly path: string;
  readonly change: "added" | "removed" | "changed";
  /** bytes; null where there is no such file */
  readonly before: number | null;
  readonly after: number | null;
}

/** How a file changed. */
export interface FileDifference {
  readonly hunks: readonly Hunk[];
  /** why there are none, or not all */
  readonly left?: "binary" | "large" | "different" | "long";
}

/** `GET …/compare/<from>/<to>`: which files changed. */
export const createCompare =
  (shelf: Shelf): Handler =>
  async (c) => {
    const [from, to] = await both(c);
    const [before, after] = await Promise.all([shelf.list(c.env, from), shelf.list(c.env, to)]);
    const items = changesOf(before, after);
    return c.json({
      ...{ name: from.name, from: from.version, to: to.version },
      items: items.slice(0, mostFiles),
      total: items.length,
      cut: before.cut || after.cut,
    } satisfies Comparison);
  };

/** `GET …/compare/<from>/<to>/file?path=`: how one of them changed. */
export function createFileCompare(shelf: Shelf, kept: Kept): Handler {
  const turn = createTurns(atOnce);
  return async (c) => {
    const [from, to] = await both(c);
    const path = c.req.query("path") ?? "";
    const find = async (located: Located) =>
      (await shelf.list(c.env, located)).files.find((file) => file.path === path);
    const [before, after] = await Promise.all([find(from), find(to)]);
    if (!before && !after)
      throw new CitadelError(
        "E_NOT_FOUND",
        `neither version has a file ${JSON.stringify(path.slice(0, 200))}`,
      );
    const key = `difference/${format}/${before?.hash ?? "none"}/${after?.hash ?? "none"}`;
    const difference = await kept(key, () =>
      turn(() => differenceOf(c.env, shelf, [from, before], [to, after])),
    );
    return c.json({ path, ...difference });
  };
}

const both = (c: Context<Env>): Promise<[Located, Located]> =>
  Promise.all([
    locate(c.env, param(c, "name"), param(c, "from")),
    locate(c.env, param(c, "name"), param(c, "to")),
  ]);

function changesOf(before: Contents, after: Contents): FileChange[] {
  const old = new Map(before.files.map((file) => [file.path, file]));
  const items: FileChange[] = [];
  for (const { path, size, hash } of after.files) {
    const was = old.get(path);
    old.delete(path);
    if (was?.hash === hash) continue;
    items.push({ path, change: was ? "changed" : "added", before: was?.size ?? null, after: size });
  }
  for (const { path, size } of old.values())
    items.push({ path, change: "removed", before: size, after: null });
  return items.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

type Side = readonly [located: Located, file: PackedFile | undefined];

async function differenceOf(visit: Visit, shelf: Shelf, from: Side, to: Side) {
  const value = await tell(visit, shelf, from, to);
  // a busy machine may have had no time for it
  return value.left === "different" ? { value, ttl: 600_000 } : { value };
}

async function tell(visit: Visit, shelf: Shelf, from: Side, to: Side): Promise<FileDifference> {
  if ([from, to].some(([, file]) => (file?.size ?? 0) > largest))
    return { hunks: [], left: "large" };
  const [before, after] = await Promise.all(
    [from, to].map(async ([located, file]) =>
      file ? textOf(await shelf.bytes(visit, located, file)) : "",
    ),
  );
  if (before === undefined || after === undefined) return { hunks: [], left: "binary" };
  const hunks = await textDiff(before, after);
  return hunks ? shown(hunks) : { hunks: [], left: "different" };
}

/** As much of it as a page can bear. */
function shown(all: readonly Hunk[]): FileDifference {
  let room = mostLines;
  const hunks: Hunk[] = [];
  for (const hunk of all) {
    if (room === 0) return { hunks, left: "long" };
    const lines = hunk.lines.slice(0, room).map(clipped);
    room -= lines.length;
    hunks.push({ ...hunk, lines });
    if (lines.length < hunk.lines.length) return { hunks, left: "long" };
  }
  return { hunks };
}

const clipped = (line: string): string =>
  line.length > longest ? `${line.slice(0, longest).toWellFormed()} …` : line;
