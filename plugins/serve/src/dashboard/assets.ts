import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { CitadelError } from "@citadel/core";
import type { Asked } from "../http/exchange.ts";

/** What the build has made of `plugins/serve/ui`. */
const folder = join(import.meta.dirname, "ui");

/** One way into the pages: its script, the ones that it always needs, and its styles, as names in `assets/`. */
export interface Entry {
  readonly script: string;
  readonly scripts: readonly string[];
  readonly styles: readonly string[];
}

export interface Assets {
  /** @param name of a source file: `src/main.tsx` */
  entry(name: string): Entry;
  /** The answer to `GET /_dashboard/assets/<name>`. @throws E_NOT_FOUND */
  answer(name: string, asked: Asked): Response;
}

interface Asset {
  readonly type: string;
  readonly hash: string;
  readonly br: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

/** The parts of vite's manifest that say what belongs together. */
interface Chunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly imports?: readonly string[];
}

/** Reads the built pages into memory, in their compressed forms only. @throws E_NOT_FOUND where they were not built */
export async function loadAssets(): Promise<Assets> {
  const text = await readFile(join(folder, ".vite/manifest.json"), "utf8").catch(
    (cause: unknown) => {
      throw new CitadelError("E_NOT_FOUND", "this copy of citadel has no dashboard", {
        cause,
        hint: ["npm run build"],
      });
    },
  );
  const manifest = new Map(Object.entries(JSON.parse(text) as Readonly<Record<string, Chunk>>));
  const names = await readdir(join(folder, "assets"));
  const assets = new Map(
    await Promise.all(
      names
        .filter((name) => types.has(extensionOf(name)))
        .map(async (name) => [name, await load(name)] as const),
    ),
  );

  return {
    entry(name) {
      const found = manifest.get(name);
      if (!found) throw new Error(`the dashboard has no page ${name}`);
      const all = closure(manifest, name);
      const styles = new Set(all.flatMap(({ css = [] }) => css.map(bare)));
      const scripts = all.slice(1).map(({ file }) => bare(file));
      return { script: bare(found.file), scripts, styles: [...styles] };
    },

    answer(name, asked) {
      const asset = assets.get(name);
      if (!asset) throw new CitadelError("E_NOT_FOUND", "the dashboard has no such file");
      const accepted = (asked.header("accept-encoding") ?? "").split(/[\s,;]+/);
      const coding = codings.find((each) => accepted.includes(each));
      const etag = `"${asset.hash}${coding === undefined ? "" : `-${coding}`}"`;
      const headers = {
        ...assetHeaders,
        "content-type": asset.type,
        etag,
        vary: "accept-encoding",
        ...(coding !== undefined && { "content-encoding": coding }),
      };
      if (asked.header("if-none-match") === etag)
        return new Response(null, { status: 304, headers });
      const body = coding === undefined ? gunzipSync(asset.gzip) : asset[coding];
      return new Response(body, {
        headers: { ...headers, "content-length": String(body.byteLength) },
      });
    },
  };
}

/** best first */
const codings = ["br", "gzip"] as const;
const types = new Map([
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
]);
const extensionOf = (name: string): string => name.slice(name.lastIndexOf("."));
const bare = (file: string): string => file.replace(/^assets\//, "");

/** Names carry a hash of the content, so that what a name stands for never changes. */
const assetHeaders = {
  "content-security-policy": "default-src 'none'; sandbox",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "public, max-age=31536000, immutable",
};

async function load(name: string): Promise<Asset> {
  const file = join(folder, "assets", name);
  const [br, gzip] = await Promise.all([readFile(`${file}.br`), readFile(`${file}.gz`)]);
  return {
    type: types.get(extensionOf(name)) ?? "application/octet-stream",
    hash: createHash("sha256").update(gzip).digest("base64url").slice(0, 22),
    br,
    gzip,
  };
}

/** A chunk and all that it imports at once, each once. */
function closure(manifest: ReadonlyMap<string, Chunk>, name: string): Chunk[] {
  const reached = new Map<string, Chunk>();
  const visit = (at: string): void => {
    const chunk = manifest.get(at);
    if (!chunk || reached.has(at)) return;
    reached.set(at, chunk);
    chunk.imports?.forEach(visit);
  };
  visit(name);
  return [...reached.values()];
}
