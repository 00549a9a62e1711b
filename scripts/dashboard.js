// Builds the pages of the dashboard, with their compressed forms, unless they are built from exactly these sources already.
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../", import.meta.url));
const ui = join(root, "plugins/serve/ui");
const out = join(root, "plugins/serve/dist/dashboard/ui");
const stamp = join(out, "built-from");
// what the pages import besides their own sources
const shared = [join(root, "package-lock.json"), join(root, "scripts/dashboard.js")];
const served = ["dashboard", "console", "term"].map((name) =>
  join(root, "plugins/serve/src", name),
);
const folders = [ui, join(root, "src/live"), ...served];

const hash = createHash("sha256");
for (const file of [...shared, ...(await Promise.all(folders.map(filesOf))).flat()])
  hash
    .update(file.slice(root.length))
    .update("\0")
    .update(await readFile(file));
const sources = hash.digest("hex");
if ((await readFile(stamp, "utf8").catch(() => "")) !== sources) {
  const { build } = await import("vite");
  await build({ configFile: join(ui, "vite.config.ts"), logLevel: "warn" });
  for (const name of await readdir(join(out, "assets"))) await compress(join(out, "assets", name));
  await writeFile(stamp, sources);
}

async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function compress(file) {
  const bytes = await readFile(file);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  await writeFile(`${file}.br`, brotliCompressSync(bytes, { params }));
  await writeFile(`${file}.gz`, gzipSync(bytes, { level: 9 }));
}
