// G5 H4: four servers over Redis or PostgreSQL for documents and S3 for tarballs, and over S3 alone. `npm run test:storm` takes
// two minutes for each, with eight real npms that install.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { startRelay, type Relay } from "../servers/relay.ts";
import { startS3 } from "../servers/s3.ts";
import { clientTools } from "../support/clients.ts";
import { check, installAll, installer } from "./check.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { storm } from "./storm.ts";

const servers = 4;
const seconds = Number(process.env["CITADEL_STORM_SECONDS"] ?? 0);
const timeout = 240_000 + seconds * 6000;
const installers = seconds > 0 ? 8 : 0;
const [redis, postgres, s3] = await Promise.all([startRedis(), startPostgres(), startS3()]);
afterAll(() => Promise.all([redis?.stop(), postgres?.stop(), s3.stop()]));

beforeAll(() => clientTools(), 400_000);

/** The address of a store, through a relay. */
function through(relay: Relay, store: string): string {
  const url = new URL(store);
  url.port = String(relay.port);
  return url.href;
}

/** Kills a server every second; meanwhile connections to the store of documents are cut, and answers are lost. */
const weather = (cluster: Cluster, relay: Relay) => async () => {
  const killed = sleep(1000).then(() => cluster.killOne());
  await sleep(300);
  relay.cut();
  await sleep(300);
  relay.set({ loseReplies: 1 });
  await killed;
};

describe("G5 four servers, one killed every second, connections cut", () => {
  test.for([
    ["Redis", redis],
    ["PostgreSQL", postgres],
  ] as const)(
    "%s and S3: what one acknowledged, all have at once",
    { timeout },
    async ([, documents], { skip }) => {
      if (!documents) return skip();
      const relay = await startRelay(documents.port);
      try {
        await using cluster = await startCluster(servers, () => ({
          CITADEL_STORE_DOCUMENTS: through(relay, documents.store()),
          CITADEL_STORE_BLOBS: s3.bucket(),
        }));
        const result = await storm({
          ...cluster,
          ms: seconds * 1000 || 8000,
          bound: 0,
          install: installer(cluster),
          installers,
          trouble: weather(cluster, relay),
          enough: () => cluster.kills() > 5,
        });
        relay.calm();
        expect(relay.counts.resets).toBeGreaterThan(10);
        expect(result.failures).toBeGreaterThan(0);
        await check(result, cluster, 0);
        await installAll(result, cluster);
      } finally {
        await relay.close();
      }
    },
  );

  test(
    "S3 alone: what one acknowledged, all have within the bound",
    async () => {
      const relay = await startRelay(s3.port);
      try {
        const bucket = new URL(s3.bucket());
        bucket.searchParams.set("endpoint", `http://127.0.0.1:${relay.port}`);
        await using cluster = await startCluster(servers, () => ({ CITADEL_STORE: bucket.href }));
        const result = await storm({
          ...cluster,
          ms: seconds * 1000 || 8000,
          bound: 1000,
          install: installer(cluster),
          installers,
          publishers: 4,
          trouble: weather(cluster, relay),
          enough: () => cluster.kills() > 5,
        });
        relay.calm();
        await check(result, cluster, 1000);
      } finally {
        await relay.close();
      }
    },
    timeout,
  );
});
