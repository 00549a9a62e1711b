import postgres from "@citadel/driver-postgres";
import { afterAll } from "vitest";
import { startPostgres } from "../servers/postgres.ts";
import { defineNetworkTests } from "./network/tests.ts";

const server = await startPostgres();
afterAll(() => server?.stop());

defineNetworkTests("postgres", server, postgres);
