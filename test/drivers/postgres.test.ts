import postgres from "@citadel/driver-postgres";
import { defineDriverTests } from "@citadel/core/testing";
import { afterAll, test } from "vitest";
import { startPostgres } from "../servers/postgres.ts";

const server = await startPostgres();
afterAll(() => server?.stop());

defineDriverTests("postgres", {
  test: (name, run) => test.skipIf(!server)(name, ({ skip }) => run({ skip })),
  make: () => server!.store(),
  open: (store) => postgres(new URL(store)),
  async crash() {
    await server!.kill();
    await server!.start();
  },
});
