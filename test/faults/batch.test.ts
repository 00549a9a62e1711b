// H10: kill -9 at every step of a batch: all of it is there, or nothing.
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, packument, publish, publishDocument, signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { sound } from "./publishes.ts";

let temp: Temp;
let home: string;
let server: Server | undefined;
let token: string;
const names = ["batch-a", "batch-b", "batch-c"];

beforeAll(async () => {
  temp = await tempFolder("batch-crash");
  home = join(temp.path, "registry");
  server = await serve({ home });
  token = await signIn(server.url, "ann");
  // the signing key is made, and one of the packages is there before the batch
  await publish(server.url, token, { name: "batch-b", version: "0.1.0" });
  await server.stop();
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

function put(url: string, version: string) {
  const documents = names.map((name) =>
    publishDocument(url, { name, version }, pack({ name, version })),
  );
  return request(`${url}/-/citadel/v1/batch`, {
    method: "PUT",
    token,
    headers: { "content-type": "application/x-ndjson" },
    body: documents.map((one) => JSON.stringify(one)).join("\n"),
  });
}

async function present(url: string, version: string): Promise<boolean[]> {
  return Promise.all(
    names.map(async (name) => {
      const full = await packument(url, name);
      const short = await packument(url, name, { form: "short" });
      const one = await request(`${url}/${name}/${version}`);
      const file = await request(`${url}/${name}/-/${name}-${version}.tgz`);
      const found = full?.versions[version] !== undefined;
      expect([short?.versions[version] !== undefined, one.status, file.status]).toEqual(
        found ? [true, 200, 200] : [false, 404, 404],
      );
      expect(full?.["dist-tags"]["latest"] === version).toBe(found);
      return found;
    }),
  );
}

/** Moves of a batch of three: it opens, three packages take it in, it is committed, three settle, it is settled. */
const commit = 5;
const points = [
  ...["blob:2", "manifest:3"].map((point) => [point, false] as const),
  ...[2, 5, 6].map((n) => [`entry:${n}`, n > commit] as const),
  ...[1, 2, 4, 5, 6, 9].map((n) => [`document:${n}`, n >= commit] as const),
  ["answer:1", true] as const,
];

describe("H10 H1 kill -9 in a batch", () => {
  test.each(points)(
    "after %s",
    async (point, expected) => {
      const version = `1.${points.findIndex(([one]) => one === point)}.0`;
      server = await serve({ home, env: { CITADEL_CRASH_AT: point } });
      expect(await put(server.url, version).catch(() => "no answer")).toBe("no answer");
      await server.ended;
      expect(server.child.signalCode, server.log()).toBe("SIGKILL");

      server = await serve({ home });
      expect(await present(server.url, version)).toEqual(names.map(() => expected));
      // search has all of them or none, too
      const search = await request(`${server.url}/-/v1/search?text=batch`);
      const hits = (search.json() as { objects: { package: { version: string } }[] }).objects;
      const newest = hits.filter((hit) => hit.package.version === version);
      expect(newest).toHaveLength(expected ? names.length : 0);
      // the client tries again
      const again = await put(server.url, version);
      expect([again.status, (again.json() as { repeated: boolean }).repeated]).toEqual([
        201,
        expected,
      ]);
      expect(await present(server.url, version)).toEqual(names.map(() => true));
      await server.stop();
    },
    30_000,
  );

  test("what is left is sound", async () => {
    await sound(home);
  }, 30_000);
});
