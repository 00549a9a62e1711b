import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import type { Entry, ZipFile } from "yauzl";
import { CitadelError } from "../errors.ts";
import type { Source } from "./types.ts";

/** bytes of one record */
const largest = 16 * 2 ** 20;

/**
 * The OSV records of a JSON file, of a folder with all below it, or of a zip archive as OSV gives them out. Nothing is unpacked
 * onto the disk.
 * @throws E_USAGE when there is no such file, or it is no such archive
 */
export async function* osvSources(path: string): AsyncGenerator<Source, void, void> {
  const found = await stat(path).catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, {
      hint: ["name an OSV file, a folder of them, or a zip archive"],
      cause: error,
    });
  });
  if (found.isDirectory()) yield* folder(path);
  else if (await isZip(path)) yield* archive(path);
  else yield { path, text: await readText(path) };
}

async function* folder(root: string): AsyncGenerator<Source, void, void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath, entry.name));
  const ahead = 32;
  for (let n = 0; n < paths.length; n += ahead) {
    const some = paths.slice(n, n + ahead);
    const texts = await Promise.all(some.map(readText));
    for (const [i, path] of some.entries()) yield { path, text: texts[i] ?? "" };
  }
}

/** What is too large is no record, and says so by not being one. */
async function readText(path: string): Promise<string> {
  const { size } = await stat(path);
  return size > largest ? "" : readFile(path, "utf8");
}

async function isZip(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
  return bytesRead === 4 && buffer.toString("latin1") === "PK\u0003\u0004";
}

async function* archive(path: string): AsyncGenerator<Source, void, void> {
  const { openPromise } = await import("yauzl");
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(path, { lazyEntries: true, autoClose: false });
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.endsWith(".json")) continue;
      yield { path: `${path}:${entry.fileName}`, text: await textIn(zip, entry) };
    }
  } catch (error) {
    if (error instanceof CitadelError) throw error;
    throw new CitadelError("E_USAGE", `${path} is no zip archive that can be read`, {
      cause: error,
    });
  } finally {
    zip?.close();
  }
}

async function textIn(zip: ZipFile, entry: Entry): Promise<string> {
  // the archive's own word; yauzl sees to it that no more comes out
  if (entry.uncompressedSize > largest) return "";
  return textOf(await zip.openReadStreamPromise(entry));
}
