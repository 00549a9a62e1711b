import { availableParallelism } from "node:os";
import { join } from "node:path";

import { defineConfig } from "vitest/config";

// compiled modules, shared by the processes of all files and what they start
process.env["NODE_COMPILE_CACHE"] ??= join(import.meta.dirname, ".cache/compile");

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    disableConsoleIntercept: true,
    // most of the time a test waits for the processes that it started
    maxWorkers: availableParallelism() + 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: [
      "default",
      "./test/support/client-table.ts",
      ["json", { outputFile: ".cache/test-results.json" }],
    ],
  },
});
