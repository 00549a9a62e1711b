import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { root } from "./citadel.ts";
import type { Packument } from "./packages.ts";
import { mustRun } from "./run.ts";

/** Real packages: every version of some, the newest of the others. */
export const everyVersionOf = ["lodash", "express", "chalk"];
export const newestOf = [
  "@angular/core",
  "@aws-sdk/client-s3",
  "@babel/core",
  "@mui/material",
  "@swc/core",
  "@types/node",
  "axios",
  "bootstrap",
  "commander",
  "core-js",
  "d3",
  "date-fns",
  "electron",
  "esbuild",
  "eslint",
  "fs-extra",
  "jest",
  "jsonparse",
  "left-pad",
  "lit",
  "moment",
  "mongodb",
  "next",
  "node-gyp",
  "npm",
  "pg",
  "pnpm",
  "prettier",
  "react",
  "request",
  "rxjs",
  "semver",
  "sharp",
  "socket.io",
  "svelte",
  "tar",
  "three",
  "typescript",
  "underscore",
  "vite",
  "vue",
  "webpack",
  "ws",
  "yargs",
  "yarn",
  "zod",
];

/** The public registry that npm is configured for, and what was fetched from it before. */
export interface Corpus {
  packument(name: string): Promise<Packument>;
  tarball(document: Packument, version: string): Promise<Buffer>;
}

/** Fetched once and kept in .cache/corpus; `parallel` requests at a time. */
export async function openCorpus(parallel = 12): Promise<Corpus> {
  const { stdout } = await mustRun("npm", ["config", "get", "registry"]);
  const registry = stdout.trim().replace(/\/?$/, "/");
  const folder = join(root, ".cache/corpus");
  const slots = Array.from({ length: parallel }, () => Promise.resolve());
  const get = (url: string): Promise<Buffer> => {
    const slot = Math.floor(Math.random() * parallel);
    const answer = (slots[slot] ?? Promise.resolve()).then(() => download(url));
    slots[slot] = answer.then(
      () => {},
      () => {},
    );
    return answer;
  };
  const kept = async (file: string, fetchIt: () => Promise<Buffer>): Promise<Buffer> => {
    const path = join(folder, file);
    const found = await readFile(path).catch(() => undefined);
    if (found) return found;
    const fetched = await fetchIt();
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.${process.pid}`, fetched);
    await rename(`${path}.${process.pid}`, path);
    return fetched;
  };
  return {
    packument: async (name) =>
      JSON.parse(
        (
          await kept(`${name}/packument.json`, () => get(registry + name.replace("/", "%2f")))
        ).toString(),
      ) as Packument,
    tarball: async (document, version) => {
      const dist = document.versions[version]?.dist;
      if (!dist) throw new Error(`${document.name} has no version ${version}`);
      // the document of a mirror may name another host: keep the path, take the configured registry
      const { pathname } = new URL(dist.tarball);
      const path = pathname.slice(pathname.indexOf(`/${document.name}/-/`) + 1);
      const bytes = await kept(`${document.name}/${version}.tgz`, () => get(registry + path));
      const sum = createHash("sha1").update(bytes).digest("hex");
      if (sum !== dist.shasum) throw new Error(`${document.name}@${version}: damaged on the way`);
      return bytes;
    },
  };
}

async function download(url: string, tries = 3): Promise<Buffer> {
  try {
    const answer = await fetch(url, {
      headers: { accept: "application/json, */*" },
      signal: AbortSignal.timeout(60_000),
    });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return Buffer.from(await answer.arrayBuffer());
  } catch (error) {
    if (tries > 1) return download(url, tries - 1);
    throw new Error(`GET ${url} from the configured registry: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
