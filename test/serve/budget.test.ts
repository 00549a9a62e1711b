import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";

import { pack } from "../support/packages.ts";
import { asked, base, place, type Place } from "./place.ts";

const short = "application/vnd.npm.install-v1+json";

/** Driver calls that `work` costs, by operation, without those that were none. */
async function callsOf(here: Place, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const count = () =>
    here.citadel.backends.flatMap(({ observed }) =>
      Object.entries(observed).map(([operation, { calls }]) => [operation, calls] as const),
    );
  const before = count();
  await work();
  const calls: Record<string, number> = {};
  for (const [n, [operation, after]] of count().entries()) {
    const made = after - (before[n]?.[1] ?? 0);
    if (made > 0) calls[operation] = (calls[operation] ?? 0) + made;
  }
  return calls;
}

test.each(["memory", "sqlite"] as const)(
  "G5 a hot request costs one head() and sends the very bytes of the view (%s)",
  async (scheme) => {
    await using here = await place({}, scheme);
    const token = await here.signIn("ann");
    const small = pack({ name: "one", version: "1.0.0" });
    await here.publish(token, { name: "one", version: "1.0.0" }, small);
    const bearer = { authorization: `Bearer ${token}` };
    const paths: readonly (readonly [string, Record<string, string>])[] = [
      ["/one", { accept: short, "accept-encoding": "gzip" }],
      ["/one", { "accept-encoding": "gzip,deflate", ...bearer }],
      ["/one", {}],
      ["/one/-/one-1.0.0.tgz", {}],
      ["/one/-/one-1.0.0.tgz", bearer],
    ];
    for (const [path, headers] of paths) await here.app.install(asked(path, headers));
    // the first download opens the records, which nobody waits for
    const records = await here.citadel.records();
    await nextTurn();
    await records.close();
    for (const [path, headers] of paths) {
      const bodies: unknown[] = [];
      const began = performance.now();
      const calls = await callsOf(here, async () => {
        for (let n = 0; n < 10; n++) {
          await nextTurn(); // requests of one turn share a look at the store
          bodies.push((await here.app.install(asked(path, headers)))?.body);
        }
      });
      // besides, once a second, a look at who may do what
      const { get: looks = 0, ...rest } = calls;
      expect(rest, `${path} ${JSON.stringify(headers)}`).toEqual({ head: 10 });
      expect(looks).toBeLessThanOrEqual(1 + (performance.now() - began) / 1000);
      expect(bodies[0]).toBeInstanceOf(Uint8Array);
      // no copy, no slice: the same object each time
      expect(new Set(bodies).size).toBe(1);
    }
    const { citadel } = here;
    const caller = {
      principal: { kind: "anonymous", name: "", admin: false },
      via: "npm",
    } as const;
    const view = citadel.views.peek(await citadel.registry.document("one", caller), "short", base);
    const sent = await here.app.install(
      asked("/one", { accept: short, "accept-encoding": "gzip" }),
    );
    expect(sent?.body).toBe(view?.pick(["gzip"]).bytes);
    const etag = `"${view?.etag ?? ""}"`;
    await citadel.access.policy();
    const calls = await callsOf(here, async () => {
      await nextTurn();
      const answer = await here.app.install(
        asked("/one", { accept: short, "if-none-match": etag }),
      );
      expect([answer?.status, answer?.body]).toEqual([304, null]);
    });
    expect(calls["head"]).toBe(1);
  },
);

test("G5 a ping, a wrong host and a bad path cost nothing", async () => {
  await using here = await place();
  const calls = await callsOf(here, async () => {
    for (const [path, headers] of [
      ["/-/ping", {}],
      ["/one", { host: "evil.example" }],
      ["/%2e%2e/x", {}],
    ] as const)
      await here.app.install(asked(path, headers));
  });
  expect(calls).toEqual({});
});

test("a publish is seen by the next request", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  for (const version of ["1.0.0", "1.0.1", "1.1.0"]) {
    await here.publish(token, { name: "one", version });
    expect(Object.keys((await here.ask("/one")).json().versions)).toContain(version);
    expect((await here.ask(`/one/-/one-${version}.tgz`)).status).toBe(200);
  }
});
