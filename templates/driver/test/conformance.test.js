import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defineDriverTests } from "@citadel/core/testing";
import driver from "../src/index.js";

defineDriverTests("logbook", {
  test: (name, run) => test(name, (context) => run({ skip: (reason) => context.skip(reason) })),
  make: () => mkdtemp(join(tmpdir(), "logbook-")),
  open: (folder) => driver(new URL(`logbook:${folder}/store.log`)),
  // an embedded store crashes with its process: the instances are just abandoned
  crash: async () => {},
  remove: (folder) => rm(folder, { recursive: true }),
});
