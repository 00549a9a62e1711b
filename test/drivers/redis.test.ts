import redis from "@citadel/driver-redis";
import { defineDriverTests } from "@citadel/core/testing";
import { afterAll, test } from "vitest";
import { startRedis } from "../servers/redis.ts";

const server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
afterAll(() => server?.stop());

if (!server) test.skip("redis: no redis-server here");
else
  defineDriverTests("redis", {
    test: (name, run) => test(name, ({ skip }) => run({ skip })),
    make: () => server.store(),
    open: (store) => redis(new URL(store)),
    async crash() {
      await server.kill();
      await server.start();
    },
  });
