// G5 H4: several servers over one SQLite file and one folder of tarballs, on one host.
import { beforeAll, expect, test } from "vitest";

import { clientTools } from "../support/clients.ts";
import { check, installAll } from "./check.ts";
import { startCluster } from "./cluster.ts";
import { storm } from "./storm.ts";

beforeAll(() => clientTools(), 400_000);

const stores = (folder: string) => ({
  CITADEL_STORE_DOCUMENTS: `sqlite:${folder}/registry.db`,
  CITADEL_STORE_BLOBS: `file:${folder}/blobs`,
});

test.each([2, 4])(
  "G5 %i servers, one killed every second: what one acknowledged, all have at once",
  async (count) => {
    await using cluster = await startCluster(count, stores);
    const result = await storm({
      ...cluster,
      ms: 8000,
      bound: 0,
      async trouble() {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        await cluster.killOne();
      },
    });
    expect(result.failures).toBeGreaterThan(0); // or nobody would have been killed
    await check(result, cluster, 0);
    if (count === 4) await installAll(result, cluster);
  },
  240_000,
);
