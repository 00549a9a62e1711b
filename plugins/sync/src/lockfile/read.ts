import { readFile, stat } from "node:fs/promises";
import { CitadelError, errorCode } from "@citadel/core/errors";
import { isObject, type JsonObject } from "@citadel/core/registry";
import { gather, invalid, type Lockfile } from "./locked.ts";

/** bytes of a lockfile */
const largest = 64 * 2 ** 20;

/**
 * Reads a lockfile of npm, pnpm, yarn or bun. What it is is told by its content, not by its name.
 * @throws E_USAGE when it cannot be read, E_INVALID_DOCUMENT, E_INTEGRITY for two hashes of one tarball
 */
export async function readLockfile(path: string): Promise<Lockfile> {
  const bytes = await load(path);
  if (
    bytes.subarray(0, 42).toString("latin1").startsWith("#!/usr/bin/env bun\nbun-lockfile-format")
  )
    throw new CitadelError("E_USAGE", `${path} is a binary lockfile of bun`, {
      hint: [
        "make a text of it: bun install --save-text-lockfile --frozen-lockfile --lockfile-only",
      ],
    });
  try {
    return await parse(bytes.toString("utf8").replace(/^\uFEFF/, ""));
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const { message, hint } = error as CitadelError;
    throw new CitadelError(code, `${path}: ${message}`, { hint, cause: error });
  }
}

async function load(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > largest) throw new Error(`it has ${size} bytes, more than ${largest}`);
    return await readFile(path);
  } catch (error) {
    throw new CitadelError("E_USAGE", `${path} cannot be read: ${(error as Error).message}`, {
      hint: ["name a lockfile: package-lock.json, pnpm-lock.yaml, yarn.lock or bun.lock"],
      cause: error,
    });
  }
}

async function parse(text: string): Promise<Lockfile> {
  const gathered = gather();
  if (/^\s*\{/.test(text)) {
    const document = await json(text);
    const isBun = document["workspaces"] !== undefined && document["lockfileVersion"] !== undefined;
    const format = isBun
      ? (await import("./bun.ts")).readBun(document, gathered)
      : (await import("./npm.ts")).readNpm(document, gathered);
    return gathered.done(format);
  }
  if (/^lockfileVersion:/m.test(text))
    return gathered.done((await import("./pnpm.ts")).readPnpm(text, gathered));
  if (/^# yarn lockfile v1$|^__metadata:/m.test(text))
    return gathered.done((await import("./yarn.ts")).readYarn(text, gathered));
  throw invalid("it is no lockfile of npm, pnpm, yarn or bun");
}

/** bun leaves a comma behind the last one. */
async function json(text: string): Promise<JsonObject> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    const { default: JSON5 } = await import("json5");
    try {
      document = JSON5.parse(text);
    } catch (error) {
      throw invalid(`it is no JSON: ${(error as Error).message}`, error);
    }
  }
  if (isObject(document) && "lockfileVersion" in document) return document;
  throw invalid("it is no lockfile of npm, pnpm, yarn or bun");
}
