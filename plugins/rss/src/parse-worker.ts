// Reads a feed where neither its memory nor its time can harm the process.
import { parentPort, workerData } from "node:worker_threads";
import { parse, type Source } from "./parse.ts";

parentPort?.postMessage(parse(workerData as Source));
