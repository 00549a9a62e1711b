// Reads types where neither their memory nor their time can harm the process.
import { parentPort, workerData } from "node:worker_threads";
import { readOutline } from "./outline.ts";
import type { Tree } from "./tree.ts";

parentPort?.postMessage(await readOutline(workerData as Tree));
