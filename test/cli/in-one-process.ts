// Runs many command lines one after the other in this process, for what the start of a process has no part in.
// argv[2]: JSON, a list of lists of words. Prints a JSON list of `OneRan`.
import { join } from "node:path";
import { Config } from "@oclif/core/config";
import { run } from "@oclif/core/run";

/** What one command line said, and the exit code that a process would have had. */
export interface OneRan {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const config = await Config.load(join(import.meta.dirname, "../.."));
const write = process.stdout.write.bind(process.stdout);
const said = { stdout: "", stderr: "" };
for (const stream of ["stdout", "stderr"] as const)
  process[stream].write = (text: string | Uint8Array) => {
    said[stream] += Buffer.from(text).toString();
    return true;
  };

const all: OneRan[] = [];
for (const words of JSON.parse(process.argv[2] ?? "[]") as string[][]) {
  Object.assign(said, { stdout: "", stderr: "" });
  process.exitCode = 0;
  await run(words, config);
  all.push({ code: process.exitCode, ...said });
}
process.exitCode = 0;
write(JSON.stringify(all));
