import { readFile } from "node:fs/promises";

/** The version of this package, which is that of all of Citadel. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** The commit that this was built from, as `scripts/revision.js` found it; `release` where it was not built in a checkout. */
export async function ownRevision(): Promise<string> {
  const built = new URL("../dist/revision", import.meta.url);
  return readFile(built, "utf8").catch(() => "release");
}
