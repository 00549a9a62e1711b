import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import file from "@citadel/driver-file";
import { defineDriverTests } from "@citadel/core/testing";
import { test } from "vitest";

// keys below b/ and m/ are plain files: the whole contract, but for writers of different bytes in several instances,
// which such keys do not have
defineDriverTests("file b/", {
  test: (name, run) =>
    test(name, ({ skip }) =>
      name.includes("increment") ? skip("immutable keys are not counters") : run({ skip }),
    ),
  make: () => mkdtemp(join(tmpdir(), "citadel-file-")),
  open: (folder) => file(new URL(`file:${folder}`)),
  crash: async () => {},
  remove: (folder) => rm(folder, { recursive: true }),
  prefix: "b/",
});
