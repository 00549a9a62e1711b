import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sqlite from "@citadel/driver-sqlite";
import { defineDriverTests } from "@citadel/core/testing";
import { test } from "vitest";

// what is used where WAL is not safe: old versions of SQLite, network file systems
defineDriverTests("sqlite without WAL", {
  test: (name, run) => test(name, ({ skip }) => run({ skip })),
  make: () => mkdtemp(join(tmpdir(), "citadel-sqlite-")),
  open: (folder) => sqlite(new URL(`sqlite:${folder}/store.db?journal=delete`)),
  crash: async () => {},
  remove: (folder) => rm(folder, { recursive: true }),
});
