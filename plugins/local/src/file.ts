import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { CitadelError } from "@citadel/core/errors";
import type { Json, JsonObject } from "@citadel/core/registry";
import { bareName } from "./names.ts";

/** The field `citadel` in the package.json of a package made of one file. */
export interface SingleFile {
  /** path of the file in the package */
  readonly content: string;
  /** `sha512-<base64>` of the file */
  readonly integrity: string;
  /** bytes */
  readonly size: number;
}

/** The file that a package was made of; undefined for any other package. */
export function singleFile({ citadel }: JsonObject): SingleFile | undefined {
  if (citadel === null || typeof citadel !== "object" || Array.isArray(citadel)) return undefined;
  const { content, integrity, size } = citadel;
  return typeof content === "string" && typeof integrity === "string" && typeof size === "number"
    ? { content, integrity, size }
    : undefined;
}

/**
 * Writes a file and its package.json into `folder`, ready to be packed.
 * @param fileName as the user calls it; made fit for every file system
 * @param limit bytes that the content may have
 * @throws E_TOO_LARGE, and what the source throws
 */
export async function makePackage(
  folder: string,
  input: {
    readonly name: string;
    readonly version: string;
    readonly fileName: string;
    readonly source: AsyncIterable<Uint8Array>;
    readonly metadata: JsonObject;
    readonly limit: number;
  },
): Promise<{ manifest: JsonObject; files: string[]; executable: ReadonlySet<string> }> {
  const { name, version, source, metadata, limit } = input;
  const content = safeFileName(input.fileName);
  const { integrity, size, script } = await save(source, join(folder, content), limit);
  const manifest: JsonObject = {
    ...guesses(content, script, bareName(name)),
    ...metadata,
    name,
    version,
    citadel: { ...object(metadata["citadel"]), content, integrity, size },
  };
  const { name: _, version: __, ...rest } = manifest;
  const packageJson = { name, version, ...rest };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(packageJson, null, 2)}\n`);
  return {
    manifest: packageJson,
    files: ["package.json", content],
    executable: new Set(script ? [content] : []),
  };
}

async function save(source: AsyncIterable<Uint8Array>, path: string, limit: number) {
  const hash = createHash("sha512");
  const start: number[] = [];
  let size = 0;
  async function* counted() {
    for await (const chunk of source) {
      size += chunk.byteLength;
      if (size > limit)
        throw new CitadelError("E_TOO_LARGE", `the content has more than ${limit} bytes`);
      hash.update(chunk);
      if (start.length < 2) start.push(...chunk.subarray(0, 2 - start.length));
      yield chunk;
    }
  }
  await pipeline(counted, createWriteStream(path, { flags: "wx", mode: 0o600 }));
  return {
    integrity: `sha512-${hash.digest("base64")}`,
    size,
    script: Buffer.from(start).toString() === "#!",
  };
}

/** How the file is used, as far as its name and its first two bytes tell. */
function guesses(content: string, script: boolean, command: string): JsonObject {
  const path = `./${content}`;
  const guess: { [key: string]: Json } = {};
  if (script) guess["bin"] = { [command]: path };
  if (/\.d\.[cm]?ts$/.test(content)) guess["types"] = path;
  else if (/^\.(?:[cm]?[jt]s|[jt]sx|json|node|wasm)$/.test(extname(content))) guess["main"] = path;
  return guess;
}

/** A name that every file system and every client takes; files that mean something in a package get out of its way. */
function safeFileName(name: string): string {
  const safe = name
    .toWellFormed()
    .replace(/[^\p{L}\p{N} ._@+~()-]/gu, "-")
    .replace(/^[ .]*$/, "content")
    .slice(-100);
  const taken =
    /^(?:package\.json|npm-shrinkwrap\.json|node_modules|binding\.gyp|\.npmignore|\.gitignore|\.npmrc)$/i;
  return taken.test(safe) ? `content-${safe}` : safe;
}

const object = (value: Json | undefined): JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
