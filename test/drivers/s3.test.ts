import { defineDriverTests } from "@citadel/core/testing";
import s3 from "@citadel/driver-s3";
import { afterAll, beforeAll, test } from "vitest";
import { startS3, type S3Server } from "../servers/s3.ts";

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

defineDriverTests("s3", {
  test: (name, run) => test(name, ({ skip }) => run({ skip })),
  make: () => new URL(server.bucket()),
  open: (url) => s3(url),
  crash: async () => {},
});
