// Changes the configuration until it is killed: rows of two values, and what stands behind the header.
import { openLive } from "@citadel/core/live";

const [path = "", count = "0"] = process.argv.slice(2);
const live = await openLive({
  path,
  defaults: { url: "http://localhost:4873/", proxy: false },
  env: {},
});
process.stdout.write("ready\n");
for (let n = 0; count === "0" || n < Number(count); n++) {
  if (count === "0" && n % 50 === 0)
    await live.writePackages({
      "@a/b@1.0.0": { integrity: "sha512-x", size: n, dependencies: {} },
    });
  if (count === "0") await live.setByte("rows", n % 2 === 0 ? 30 : 31);
  else
    for (;;) {
      const expect = live.getConfig().version;
      const changed = await live
        .setByte("version", (expect + 1) % 256, { expect })
        .catch((error) => error.code);
      if (typeof changed === "object") break;
      if (changed !== "E_CONFLICT") throw new Error(String(changed));
    }
}
await live.close();
