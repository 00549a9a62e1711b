// Loaded into a server with --import: how long its main thread works without a turn, in CPU time, so that other programs on the
// machine do not count. Written to the file that CITADEL_BENCH_STRETCH names when the process ends.
import { writeFileSync } from "node:fs";

const file = process.env["CITADEL_BENCH_STRETCH"];
if (file !== undefined && process.argv.includes("serve")) {
  const stretches = [];
  let last = process.threadCpuUsage();
  // what starting takes is not meant
  setTimeout(() => stretches.splice(0), 1500).unref();
  setInterval(() => {
    const now = process.threadCpuUsage();
    stretches.push((now.user + now.system - last.user - last.system) / 1000);
    last = now;
  }, 1).unref();
  process.on("exit", () => {
    stretches.sort((a, b) => a - b);
    const at = (part) =>
      stretches[Math.min(stretches.length - 1, Math.floor(stretches.length * part))];
    writeFileSync(file, `p99 ${at(0.99)?.toFixed(1)} ms, most ${at(1)?.toFixed(1)} ms`);
  });
}
