import { open } from "node:fs/promises";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, extname, isAbsolute, join } from "node:path";
import { CitadelError } from "@citadel/core";

export type Runtime = "bun" | "node" | "system";

/** A program and how to start it. */
export interface Launch {
  readonly runtime: Runtime;
  readonly file: string;
  readonly args: readonly string[];
}

export interface LaunchOptions {
  /** absolute path of the program in its package */
  readonly program: string;
  readonly head: Head;
  /** what is to be found on this machine */
  readonly find: (name: string) => string | undefined;
  /** path of the Node that runs this, if one does */
  readonly node: string | undefined;
  /** bun, whatever the first line says */
  readonly bun?: boolean;
  readonly windows?: boolean;
}

const scripts = new Set([".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".jsx", ".tsx", ""]);

/**
 * How to start a program without a shell: bun where there is one, unless the first line says node, or another program.
 * @throws E_RUNTIME_NOT_FOUND
 */
export function launchOf(options: LaunchOptions): Launch {
  const { program, head, find, bun = false, windows = false } = options;
  const [name, ...words] = interpreter(head.shebang);
  const onBun = (): Launch | undefined => {
    const file = find("bun");
    // neither .env nor bunfig.toml of the folder that it is started in, and nothing from elsewhere
    const args = ["--no-env-file", "--no-install", `--config=${windows ? "NUL" : "/dev/null"}`];
    return file === undefined ? undefined : { runtime: "bun", file, args: [...args, program] };
  };
  const onNode = (): Launch => {
    const file = options.node ?? find("node");
    if (file === undefined) throw missing("node", program);
    return { runtime: "node", file, args: [program] };
  };
  if (bun) {
    const found = onBun();
    if (!found) throw missing("bun", program);
    return found;
  }
  if (name === "node") return onNode();
  if (name === "bun") return onBun() ?? fail(missing("bun", program));
  if (name === undefined && !head.binary && scripts.has(extname(program)))
    return onBun() ?? onNode();
  if (name === undefined) {
    if (windows && extname(program) !== ".exe")
      throw new CitadelError("E_RUNTIME_NOT_FOUND", `${program} is nothing that Windows starts`);
    return { runtime: "system", file: program, args: [] };
  }
  const file = find(name);
  if (file === undefined) throw missing(name, program);
  return { runtime: "system", file, args: [...words, program] };
}

/** `["node"]` of `/usr/bin/env -S node --flag`; flags for node are for another machine's node, and are left out */
function interpreter(shebang: string | undefined): string[] {
  const words = (shebang ?? "").trim().split(/\s+/).filter(Boolean);
  const [first = "", ...rest] = words;
  const base = first.slice(first.lastIndexOf("/") + 1);
  if (base !== "env") return base === "" ? [] : [base, ...rest];
  while (rest[0]?.startsWith("-") || rest[0]?.includes("=")) rest.shift();
  return rest;
}

const missing = (name: string, program: string): CitadelError =>
  new CitadelError("E_RUNTIME_NOT_FOUND", `${program} needs ${name}, which is not on this machine`);

function fail(error: Error): never {
  throw error;
}

/** How a program begins. */
export interface Head {
  /** its first line without `#!`; undefined when there is none */
  readonly shebang: string | undefined;
  /** has bytes that no text has */
  readonly binary: boolean;
}

export async function headOf(file: string): Promise<Head> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    const head = buffer.subarray(0, bytesRead).toString("latin1");
    const text = head.replace(/^\u00ef\u00bb\u00bf/, "");
    return {
      shebang: text.startsWith("#!") ? text.slice(2).split(/\r?\n/, 1)[0] : undefined,
      binary: head.includes("\0"),
    };
  } finally {
    await handle.close();
  }
}

/** A program by its name in the folders of PATH that do not depend on where one stands. */
export function findProgram(
  name: string,
  {
    path,
    extensions,
  }: { readonly path: string | undefined; readonly extensions: readonly string[] },
): string | undefined {
  if (name.includes("/") || name.includes("\\")) return undefined;
  for (const folder of (path ?? "").split(delimiter).filter(isAbsolute))
    for (const extension of extensions) {
      const file = join(folder, name + extension);
      try {
        accessSync(file, constants.X_OK);
        if (statSync(file).isFile()) return file;
      } catch {
        // not there
      }
    }
  return undefined;
}
