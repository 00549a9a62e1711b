// Runs a comparison of types where neither its memory nor its time can harm the command.
import { parentPort, workerData } from "node:worker_threads";
import { compareApis } from "./api.ts";
import type { Tree } from "../documents/tree.ts";

const { old, now } = workerData as { readonly old: Tree; readonly now: Tree };
parentPort?.postMessage(await compareApis(old, now));
