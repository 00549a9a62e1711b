// Reads Markdown where neither the memory nor the time that it takes can harm the process.
import { parentPort, workerData } from "node:worker_threads";
import { begun } from "../confined.ts";
import type { Wanted } from "./readme.ts";

const wanted = workerData as Wanted;
if (wanted.to === "html") {
  const { toHtml } = await import("./html.ts");
  parentPort?.postMessage(begun);
  parentPort?.postMessage(toHtml(wanted.source, wanted.places));
} else {
  const { toText } = await import("./text.ts");
  parentPort?.postMessage(begun);
  parentPort?.postMessage(toText(wanted.source, wanted.width));
}
