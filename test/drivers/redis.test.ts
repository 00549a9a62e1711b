import redis from "@citadel/driver-redis";
import { defineDriverTests } from "@citadel/core/testing";
import { afterAll, test } from "vitest";
import { startRedis } from "../servers/redis.ts";

const server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
afterAll(() => server?.stop());

defineDriverTests("redis", {
  test: (name, run) => test.skipIf(!server)(name, ({ skip }) => run({ skip })),
  make: () => server!.store(),
  open: (store) => redis(new URL(store)),
  async crash() {
    await server!.kill();
    await server!.start();
  },
});
