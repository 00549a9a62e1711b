import { CitadelError, createTurns } from "@citadel/core";
import { contentOf, contentsOf, type Contents, type PackedFile } from "@citadel/core/documents";
import type { Visit } from "../../npm/room.ts";
import { openTarball, type Located } from "./located.ts";
import type { Kept } from "./kept.ts";

/** goes up when a list is made otherwise */
const format = 1;
/** bytes of a file that is shown */
export const largestFile = 8 * 2 ** 20;
/** tarballs that are looked through at once */
const atOnce = 2;

/** Looks into tarballs, for the whole process: what they hold is unpacked in passing and never written. */
export interface Shelf {
  list(visit: Visit, located: Located): Promise<Contents>;
  /** @throws E_NOT_FOUND, E_TOO_LARGE */
  read(visit: Visit, located: Located, path: string): Promise<Found>;
  /** The content of what is in a list. @throws E_TOO_LARGE */
  bytes(visit: Visit, located: Located, file: PackedFile): Promise<Buffer>;
}
export interface Found {
  readonly file: PackedFile;
  readonly bytes: Buffer;
}

export function createShelf(kept: Kept): Shelf {
  const turn = createTurns(atOnce);

  const list: Shelf["list"] = (visit, located) => {
    const { content } = located;
    return kept(content === undefined ? undefined : `contents/${format}/${content}`, () =>
      turn(async () => {
        const value = await contentsOf(await openTarball(visit, located));
        // of what was not read to its end nobody knows yet whether it is what its hash says
        return value.cut ? { value, ttl: 600_000 } : { value };
      }),
    );
  };

  const bytes: Shelf["bytes"] = async (visit, located, file) => {
    if (file.size > largestFile)
      throw new CitadelError("E_TOO_LARGE", `the file has ${file.size} bytes: too many to show`, {
        hint: ["download the tarball, and look into it there"],
      });
    return turn(async () => contentOf(await openTarball(visit, located), file));
  };

  return {
    list,
    bytes,
    async read(visit, located, path) {
      const { files } = await list(visit, located);
      const file = files.find((one) => one.path === path);
      if (!file)
        throw new CitadelError(
          "E_NOT_FOUND",
          `${located.name}@${located.version} has no file ${JSON.stringify(path.slice(0, 200))}`,
        );
      return { file, bytes: await bytes(visit, located, file) };
    },
  };
}

/** The text of a file; undefined for one that is none. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 8192).includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
