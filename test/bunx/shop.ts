import { mkdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { place, type Place } from "../serve/place.ts";
import type { Liar } from "../servers/liar.ts";
import { citadel } from "../support/citadel.ts";
import { pack, sha1, sha512, tarOf, type Manifest, type TarEntry } from "../support/packages.ts";
import type { Ran, RunOptions } from "../support/run.ts";

/** A store with packages in it, and a project from which they are run. */
export interface Shop {
  readonly here: Place;
  /** CITADEL_HOME of the commands */
  readonly home: string;
  /** an empty folder to run in */
  readonly project: string;
  /** folder of what was run */
  readonly cache: string;
  /** Publishes what runs under its own name without more. */
  publish(manifest: Manifest, files: Readonly<Record<string, string>>): Promise<void>;
  bunx(args: readonly string[], options?: Options): Promise<Ran>;
}

type Options = Omit<RunOptions, "env"> & { readonly env?: NodeJS.ProcessEnv };

export async function shop(): Promise<Shop> {
  const here = await place({}, "sqlite");
  onTestFinished(() => here[Symbol.asyncDispose]());
  const token = await here.signIn("ann");
  const home = here.folder;
  const project = join(home, "project");
  await mkdir(project);
  return {
    ...{ here, home, project, cache: join(home, "cache/bunx") },
    async publish(manifest, files) {
      const got = await here.publish(token, manifest, pack(manifest, files));
      expect(got.status, got.text).toBe(201);
    },
    bunx: ([verb = "", ...args], { env, ...options } = {}) =>
      citadel(home, [`bunx:${verb}`, ...args], {
        cwd: project,
        ...options,
        // not the home folder of whoever runs the tests, nor the one that the store lies in
        env: { HOME: join(home, "empty"), ...env },
      }),
  };
}

/** Makes a server a registry that has one version of a package, whatever is in its tarball. */
export function offer(
  there: Liar,
  manifest: Manifest,
  content: Readonly<Record<string, string>> | readonly TarEntry[],
  more: { readonly integrity?: string; readonly upstream?: string; readonly listed?: object } = {},
): void {
  const bytes = Array.isArray(content)
    ? gzipSync(tarOf(content))
    : pack(manifest, content as Readonly<Record<string, string>>);
  const { name, version } = manifest;
  const file = `/${name}/-/${name.slice(name.indexOf("/") + 1)}-${version}.tgz`;
  const dist = {
    tarball: there.url + file,
    shasum: sha1(bytes),
    integrity: more.integrity ?? sha512(bytes),
  };
  there.on(file, (_request, response) => response.writeHead(200).end(bytes));
  const document = JSON.stringify({
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, ...more.listed, dist } },
  });
  there.on(`/${name.replace("/", "%2f")}`, (_request, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(document),
  );
}
