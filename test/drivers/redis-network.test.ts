import redis from "@citadel/driver-redis";
import { afterAll } from "vitest";
import { startRedis } from "../servers/redis.ts";
import { defineNetworkTests } from "./network/tests.ts";

const server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
afterAll(() => server?.stop());

defineNetworkTests("redis", server, redis);
