// C5: 1000 sockets for a minute. The server's memory must not grow by more than a fifth once it is warm.
//   npm run test:sockets [-- <sockets> <seconds>]
import { soak } from "../live/soak.ts";

const [sockets = 1000, seconds = 60] = process.argv.slice(2).map(Number);
const soaked = await soak({ sockets, seconds, warm: 15 });
const { warm, last } = soaked.memory;
console.log(JSON.stringify({ ...soaked, seconds, growth: last / warm - 1 }, null, 2));
if (soaked.missed > 0 || soaked.closed > 0 || last > warm * 1.2) process.exitCode = 1;
