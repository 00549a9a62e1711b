import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./citadel.ts";

export interface Route {
  readonly method: string;
  /** as the router has it: `/-/package/:name/dist-tags/:tag` */
  readonly path: string;
}

/** The routes as they stand in the source, so that a test which goes through all of them forgets none. */
export async function routesInSource(): Promise<Route[]> {
  const found: Route[] = [
    { method: "GET", path: "/:name" },
    { method: "GET", path: "/:name/-/:file" },
    { method: "HEAD", path: "/:name/-/:file" },
  ];
  const folder = join(root, "plugins/serve/src");
  for (const file of await readdir(folder, { recursive: true })) {
    if (!/^(npm|api|dashboard)\/.*\.ts$/.test(file)) continue;
    const text = await readFile(join(folder, file), "utf8");
    const one = /\.(get|put|post|delete)\(\s*"(\/[^"]*)"/g;
    for (const [, method = "", path = ""] of text.matchAll(one))
      found.push({ method: method.toUpperCase(), path });
    for (const [, methods = "", path = ""] of text.matchAll(/\.on\(\[([^\]]+)\],\s*"(\/[^"]*)"/g))
      for (const [, method = ""] of methods.matchAll(/"(\w+)"/g)) found.push({ method, path });
  }
  return found;
}

const parameter = /:(\w+)(?:\{[^}]*\})?/g;
const usual: Readonly<Record<string, string>> = {
  form: "point",
  period: "last-week",
  rev: "1-x",
  id: "org.couchdb.user:ann",
  file: "one-1.0.0.tgz",
  spec: "1.0.0",
  from: "1.0.0",
  to: "1.0.0",
  org: "acme",
  team: "developers",
  scope: "@acme",
};

/** An address of a route, with the word in its place `hit`, counted from 0, and something usual in the others. */
export function addressOf({ path }: Route, word = "", hit = -1): string {
  let n = 0;
  return path.replace(parameter, (_, name: string) =>
    n++ === hit ? word : (usual[name] ?? "one"),
  );
}

/** The addresses of a route with the word in each of its places in turn. */
export function* addressesWith(route: Route, word: string): Generator<string> {
  const places = Array.from(route.path.matchAll(parameter)).length;
  for (let hit = 0; hit < places; hit++) yield addressOf(route, word, hit);
  if (route.path.includes(":id")) yield route.path.replace(":id", `org.couchdb.user:${word}`);
}
