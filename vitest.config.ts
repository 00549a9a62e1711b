import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

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
