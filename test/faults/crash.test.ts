// H1 H4: what was acknowledged survives kill -9 at any moment, and nothing half-made is ever seen.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { seat } from "../clients/client.ts";
import { citadel, serve, type Server } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { collected, draft, nothingHalf, publishAll, sound, type Tried } from "./publishes.ts";

let temp: Temp;
let home: string;
let server: Server | undefined;
beforeEach(async () => {
  temp = await tempFolder("crash");
  home = join(temp.path, "registry");
});
afterEach(async () => {
  await server?.stop();
  await temp.remove();
});

/** A generator whose seed stands in the name of the failure. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("H1 H4 200 publishes, kill -9 at random moments: every acknowledged version installs", async () => {
  const seed = Number(process.env["CITADEL_TEST_SEED"] ?? Date.now() % 1_000_000);
  const chance = random(seed);
  console.log(`kill -9 at random: CITADEL_TEST_SEED=${seed}`);
  const all = Array.from({ length: 200 }, (_, i) => draft(`crash-${i % 7}`, `1.${i}.0`, i));
  const waiting = () => all.filter((one) => !one.acknowledged);
  server = await serve({ home });
  let token = await signIn(server.url, "ann");
  for (let kills = 0; kills < 8 && waiting().length > 0; kills++) {
    const publishing = publishAll(server, token, waiting(), 4);
    await new Promise((resolve) => setTimeout(resolve, 5 + chance() * 150));
    await server.kill();
    await publishing;
    server = await serve({ home });
    token = await signIn(server.url, "ann"); // also: the account is still there
    await nothingHalf(server, all);
  }
  // a client tries again what it heard nothing of; the same bytes are no conflict
  await publishAll(server, token, waiting(), 4);
  expect(await nothingHalf(server, all)).toBe(all.length);

  const tools = await clientTools();
  const project = join(temp.path, "project");
  const npm = await seat(
    tools,
    "npm12",
    { folder: temp.path, url: server.url },
    { name: "ann", password: "" },
  );
  await npm.client.configure();
  await npm.client.add(project, []);
  const dependencies = Object.fromEntries(
    all.map(({ name, version }, i) => [`alias-${i}`, `npm:${name}@${version}`]),
  );
  await writeFile(
    join(project, "package.json"),
    JSON.stringify({ name: "project", version: "1.0.0", dependencies }),
  );
  const ran = await npm.client.add(project, []);
  expect(ran.code, ran.output).toBe(0);

  await server.stop();
  await sound(home);
  await collected(home, all.length);
}, 240_000);

describe("H1 H4 kill -9 after a step of a publish", () => {
  test.each(["blob", "manifest", "entry", "document", "answer"])(
    "%s",
    async (point) => {
      const tried: Tried[] = [];
      // the signing key is a document too, and would be made by the first publish
      expect((await citadel(home, ["registry:keys:rotate", "--yes"])).code).toBe(0);
      // accounts are documents too: the n-th passing is counted in a server that only publishes
      server = await serve({ home });
      const token = await signIn(server.url, "ann");
      await server.stop();
      for (const nth of [1, 2, 5]) {
        server = await serve({ home, env: { CITADEL_CRASH_AT: `${point}:${nth}` } });
        const part = Array.from({ length: 10 }, (_, i) =>
          draft(`step-${point}`, `${nth}.${i}.0`, nth * 10 + i),
        );
        tried.push(...part);
        await publishAll(server, token, part, nth === 5 ? 4 : 1);
        await server.ended;
        expect(server.child.signalCode, `${point}:${nth}\n${server.log()}`).toBe("SIGKILL");
        const acknowledged = part.filter((one) => one.acknowledged).length;
        if (nth !== 5) expect(acknowledged, `${point}:${nth}`).toBe(nth - 1);

        server = await serve({ home });
        await nothingHalf(server, tried);
        const moved = point === "document" || point === "answer";
        // the document is the only commit point: before it nothing is there, after it everything
        const [lost] = part.filter((one) => !one.acknowledged);
        if (nth !== 5 && lost) expect(await nothingHalf(server, [lost])).toBe(moved ? 1 : 0);
        // the client tries again, as npm does after a dropped connection
        await publishAll(server, token, part, 2);
        expect(part.every((one) => one.acknowledged)).toBe(true);
        await server.stop();
      }
      await sound(home);
      await collected(home, tried.length);
    },
    120_000,
  );
});
