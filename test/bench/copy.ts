// A registry of 1,000 packages moves from a folder to S3, PostgreSQL, SQLite and into a folder again, killed twice in each
// step; then every store is compared with the first, byte for byte. Use: npm run test:copy [-- <packages>].
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { openDriver } from "@citadel/core/driver";
import { startPostgres } from "../servers/postgres.ts";
import { startS3 } from "../servers/s3.ts";
import { citadel, root } from "../support/citadel.ts";
import { fill, interrupted, inventory, some } from "../support/copies.ts";
import { tempFolder } from "../support/temp.ts";

const packages = Number(process.argv[2] ?? 1000);
const schemes = new Map(
  ["sqlite", "file", "postgres", "s3"].map((name) => [
    name,
    join(root, "drivers", name, "dist/index.js"),
  ]),
);

interface Report {
  readonly copied: { readonly keys: number };
  readonly present: { readonly keys: number };
}

const folder = await tempFolder("copy");
const postgres = (await startPostgres()) ?? assert.fail("PostgreSQL is not installed");
const s3 = await startS3();
try {
  const home = join(folder.path, "home");
  const stores: readonly (readonly [string, string])[] = [
    ["a folder", `file:${folder.path}/first`],
    ["S3", s3.bucket()],
    ["PostgreSQL", postgres.store()],
    ["SQLite", `sqlite:${folder.path}/store.db`],
    ["a folder", `file:${folder.path}/last`],
  ];
  const drivers = await Promise.all(stores.map(([, url]) => openDriver(url, schemes)));
  const [first] = drivers;
  await fill(home, stores[0]![1], packages);
  await first!.put("c/soon", randomBytes(9), { expires: Date.now() + 86_400_000 });
  await first!.put("x/odd", randomBytes(9), { meta: { type: "odd" } });
  const wanted = await inventory(first!);
  const keys = Object.keys(wanted).length;
  console.log(`${packages} packages, ${keys} keys`);

  for (let n = 1; n < stores.length; n++) {
    const [[from, source], [to, target]] = [stores[n - 1]!, stores[n]!];
    const driver = drivers[n]!;
    let kills = 0;
    for (const enough of [some("b/", packages / 4), some("d/", packages / 4)])
      if (await interrupted(home, [source, target], driver, enough)) kills++;
    assert.equal(kills, 2, "the copy was over before it could be killed");
    const began = performance.now();
    const ran = await citadel(home, ["store:copy", source, target, "--yes", "--json"], { timeout: 600_000 }); // prettier-ignore
    assert.equal(ran.code, 0, ran.output);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const { copied, present } = JSON.parse(ran.stdout) as Report;
    assert.equal(copied.keys + present.keys, keys);
    assert.deepEqual(await inventory(driver), wanted);
    const sound = await citadel(home, ["verify", "--store", target], { timeout: 600_000 });
    assert.equal(sound.code, 0, sound.output);
    console.log(
      `${from} to ${to}: killed twice; the third run found ${present.keys} keys, copied ${copied.keys} in ${seconds} s; byte-identical and sound`,
    );
  }
  await Promise.all(drivers.map((driver) => driver.close()));
} finally {
  await Promise.all([postgres.stop(), s3.stop()]);
  await folder.remove();
}
