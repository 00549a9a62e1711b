// C5: 1000 sockets for a minute. In its last quarter the server must keep no more memory than in its second, but for a tenth.
//   npm run test:sockets [-- <sockets> <seconds>]
import { soak } from "../live/soak.ts";

const [sockets = 1000, seconds = 60] = process.argv.slice(2).map(Number);
const { memory, ...soaked } = await soak({ sockets, seconds, warm: 15 });
const mean = (quarter: number): number => {
  const part = memory.slice((quarter * memory.length) / 4, ((quarter + 1) * memory.length) / 4);
  return part.reduce((sum, bytes) => sum + bytes, 0) / part.length;
};
const growth = mean(3) / mean(1) - 1;
const megabytes = memory.map((bytes) => Math.round(bytes / 2 ** 20));
console.log(
  JSON.stringify({ ...soaked, seconds, growth, megabytes: megabytes.join(" ") }, null, 2),
);
if (soaked.missed > 0 || soaked.closed > 0 || growth > 0.1) process.exitCode = 1;
