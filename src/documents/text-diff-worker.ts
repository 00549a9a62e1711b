// Compares texts where the time that it takes cannot harm the process.
import { parentPort, workerData } from "node:worker_threads";
import { structuredPatch } from "diff";
import { begun } from "./confined.ts";
import type { Hunk } from "./text-diff.ts";

const { before, after } = workerData as { readonly before: string; readonly after: string };
parentPort?.postMessage(begun);
const patch = structuredPatch("", "", before, after, "", "", { context: 3, timeout: 900 });
const hunks = patch?.hunks.map(({ oldStart, newStart, lines }): Hunk => {
  return { before: oldStart, after: newStart, lines };
});
parentPort?.postMessage(hunks);
