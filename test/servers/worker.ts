import { readdir, readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { delegate, StoreError, type Condition, type Driver } from "@citadel/core/driver";
import memory from "@citadel/driver-memory";

import { root } from "../support/citadel.ts";
import { installed } from "../support/clients.ts";

/** What a Worker's binding to R2 offers, as far as it is used here. */
interface R2 {
  get(key: string): Promise<(R2Object & { arrayBuffer(): Promise<ArrayBuffer> }) | null>;
  put(key: string, body: Uint8Array, options: { onlyIf?: object }): Promise<R2Object | null>;
  delete(key: string): Promise<void>;
  list(options: { prefix: string; startAfter?: string; limit: number }): Promise<{
    readonly objects: readonly R2Object[];
    readonly truncated: boolean;
  }>;
}
interface R2Object {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  readonly uploaded: Date;
}

export interface Worker {
  /** without a slash at the end */
  readonly url: string;
  /** its bucket, as a store */
  readonly bucket: Driver;
  stop(): Promise<void>;
}

/** templates/worker in a workerd of its own, over an empty bucket, with no way to anywhere else. */
export async function startWorker(vars: Readonly<Record<string, string>> = {}): Promise<Worker> {
  const modules = await installed("worker");
  const { Miniflare, convertV4MiniflareOptions } = (await import(
    pathToFileURL(join(modules, "miniflare/dist/src/index.js")).href
  )) as {
    Miniflare: new (options: object) => any;
    /** options of one Worker, as version 4 had them */
    convertV4MiniflareOptions: (options: object) => object;
  };
  const folder = join(root, "templates/worker/src");
  const files = (await readdir(folder)).toSorted(
    (a, b) => Number(b === "index.ts") - Number(a === "index.ts"),
  );
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modulesRoot: "/",
      modules: await Promise.all(
        files.map(async (file) => ({
          type: "ESModule",
          path: `/${file}`,
          contents: stripTypeScriptTypes(await readFile(join(folder, file), "utf8")),
        })),
      ),
      compatibilityDate: "2026-07-01",
      r2Buckets: ["REGISTRY"],
      bindings: vars,
      host: "127.0.0.1",
      port: 0,
      outboundService: () => {
        throw new Error("the Worker asked for something outside");
      },
    }),
  );
  const url = ((await runtime.ready) as URL).origin;
  return {
    url,
    bucket: r2Driver((await runtime.getR2Bucket("REGISTRY")) as R2, vars["PREFIX"] ?? ""),
    stop: () => runtime.dispose() as Promise<void>,
  };
}

/** What lies below a prefix in an R2 bucket as a store, through the binding. */
function r2Driver(r2: R2, above: string): Driver {
  const entryOf = ({ key, etag, size, uploaded }: R2Object) => ({
    ...{ key: key.slice(above.length), etag, size, modified: uploaded.getTime() },
  });
  const get: Driver["get"] = async (key) => {
    const found = await r2.get(above + key);
    return found
      ? { ...entryOf(found), body: new Uint8Array(await found.arrayBuffer()) }
      : undefined;
  };
  const put = async (key: string, body: Uint8Array, { ifMatch, ifAbsent }: Condition) => {
    const onlyIf = ifAbsent ? { etagDoesNotMatch: "*" } : { etagMatches: ifMatch };
    const stored = await r2.put(
      above + key,
      body,
      ifAbsent || ifMatch !== undefined ? { onlyIf } : {},
    );
    if (!stored) throw new StoreError("CONFLICT", "the condition does not hold", { key });
    return entryOf(stored);
  };
  const { caps } = memory(new URL("memory:"));
  const base: Driver = {
    ...memory(new URL("memory:")),
    caps: { ...caps, cas: "full", ttl: "none" },
  };
  return delegate(base, {
    get,
    put: (key, body, options = {}) => put(key, body, options),
    async write(key, source) {
      return put(key, Buffer.concat(await Array.fromAsync(source)), {});
    },
    async read(key) {
      const found = await get(key);
      if (!found) return undefined;
      const stream = new Blob([new Uint8Array(found.body)]).stream();
      return { ...found, range: { start: 0, end: found.size }, stream };
    },
    delete: (key) => r2.delete(above + key),
    async list({ prefix = "", after, limit = 1000 } = {}) {
      const startAfter = after ? { startAfter: above + after } : {};
      const page = await r2.list({ prefix: above + prefix, limit, ...startAfter });
      const entries = page.objects.map(entryOf);
      const last = entries.at(-1)?.key;
      return {
        entries,
        ...(page.truncated && last !== undefined && { next: last }),
      };
    },
  });
}
