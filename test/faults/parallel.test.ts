// H1 G5: publishes at once, in one server process and in two over one store.
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, packument, publishDocument, put, signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { collected, draft, nothingHalf, publishAll, sound } from "./publishes.ts";

let temp: Temp;
let home: string;
let servers: Server[];
let token: string;

describe.each([1, 2])("G5 %i server process(es) over one store", (count) => {
  beforeEach(async () => {
    temp = await tempFolder("parallel");
    home = join(temp.path, "registry");
    servers = [];
    for (let i = 0; i < count; i++) servers.push(await serve({ home }));
    token = await signIn(servers[0]!.url, "ann");
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await temp.remove();
  });
  const serverOf = (i: number): Server => servers[i % count]!;

  test("H1 100 versions of one package at once: all live", async () => {
    const all = Array.from({ length: 100 }, (_, i) => draft("crowded", `1.0.${i}`, i));
    await Promise.all(
      servers.map((server, at) =>
        publishAll(
          server,
          token,
          all.filter((_, i) => i % count === at),
          100 / count,
        ),
      ),
    );
    expect(all.every((one) => one.acknowledged)).toBe(true);
    for (const server of servers) expect(await nothingHalf(server, all)).toBe(100);
    const document = await packument(serverOf(0).url, "crowded");
    expect(Object.keys(document?.versions ?? {})).toHaveLength(100);
    await Promise.all(servers.map((server) => server.stop()));
    await sound(home);
    await collected(home, 100);
  }, 120_000);

  test("H1 one version 100 times at once: exactly one wins, and its bytes stay", async () => {
    const manifest = { name: "wanted", version: "1.0.0" };
    const tarballs = Array.from({ length: 100 }, (_, i) => pack(manifest, { "who.txt": `${i}` }));
    const answers = await Promise.all(
      tarballs.map((tarball, i) => {
        const { url } = serverOf(i);
        return put(url, token, publishDocument(url, manifest, tarball));
      }),
    );
    const won = answers.flatMap(({ status }, i) => (status === 200 || status === 201 ? [i] : []));
    expect(won).toHaveLength(1);
    for (const [i, answer] of answers.entries())
      if (i !== won[0]) {
        expect(answer.status, answer.text()).toBe(409);
        expect(answer.json()).toMatchObject({
          error: expect.stringMatching(/cannot publish over/),
        });
      }
    const [winner = 0] = won;
    const tried = {
      name: "wanted",
      version: "1.0.0",
      tarball: tarballs[winner]!,
      acknowledged: true,
    };
    for (const server of servers) expect(await nothingHalf(server, [tried])).toBe(1);
    await Promise.all(servers.map((server) => server.stop()));
    await sound(home);
    await collected(home, 1);
  }, 120_000);

  test("H1 versions, tags and deprecations at once: none is lost", async () => {
    const all = Array.from({ length: 30 }, (_, i) => draft("busy", `1.0.${i}`, i));
    const { url } = serverOf(0);
    await put(
      url,
      token,
      publishDocument(
        url,
        { name: "busy", version: "0.1.0" },
        pack({ name: "busy", version: "0.1.0" }),
      ),
    );
    const tags = Array.from({ length: 30 }, (_, i) =>
      request(`${serverOf(i).url}/-/package/busy/dist-tags/tag-${i}`, {
        method: "PUT",
        token,
        headers: { "content-type": "application/json" },
        body: '"0.1.0"',
      }),
    );
    const publishes = servers.map((server, at) =>
      publishAll(
        server,
        token,
        all.filter((_, i) => i % count === at),
        15,
      ),
    );
    for (const { status } of await Promise.all(tags)) expect(status).toBeLessThan(300);
    await Promise.all(publishes);
    for (const server of servers) {
      expect(await nothingHalf(server, all)).toBe(30);
      const document = await packument(server.url, "busy");
      expect(Object.keys(document?.["dist-tags"] ?? {})).toHaveLength(31);
      expect(Object.keys(document?.versions ?? {})).toHaveLength(31);
    }
  }, 120_000);
});
