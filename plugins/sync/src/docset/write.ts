import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { escaped } from "@citadel/core/documents";
import { indexPage, packagePages } from "./pages.ts";
import type { Documented, Row } from "./types.ts";

/** Writes a docset into an empty folder. The same packages give the same bytes. @returns rows that are found in it */
export async function writeDocset(
  folder: string,
  title: string,
  packages: readonly Documented[],
): Promise<number> {
  const contents = join(folder, "Contents");
  const resources = join(contents, "Resources");
  await mkdir(resources, { recursive: true });
  const rows: Row[] = [];
  const put = async (path: string, html: string): Promise<void> => {
    const file = join(resources, "Documents", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, html);
  };
  const first = indexPage(title, packages);
  await put(first.path, first.html);
  for (const one of packages) {
    const made = await packagePages(one);
    for (const { path, html } of made.pages) await put(path, html);
    for (const row of made.rows) rows.push(row);
  }
  await writeFile(join(contents, "Info.plist"), plist(title));
  writeIndex(join(resources, "docSet.dsidx"), rows);
  return rows.length;
}

function writeIndex(path: string, rows: readonly Row[]): void {
  const database = new DatabaseSync(path);
  try {
    database.exec(
      "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; BEGIN; CREATE TABLE searchIndex(id INTEGER PRIMARY KEY, name TEXT, type TEXT, path TEXT); CREATE UNIQUE INDEX anchor ON searchIndex (name, type, path);",
    );
    const add = database.prepare(
      "INSERT OR IGNORE INTO searchIndex(name, type, path) VALUES (?, ?, ?)",
    );
    for (const { name, type, path: at } of rows) add.run(name, type, at);
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}

function plist(title: string): string {
  const id = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "") || "docset"; // prettier-ignore
  const texts = {
    CFBundleIdentifier: `citadel.${id}`,
    CFBundleName: title,
    DocSetPlatformFamily: id,
    DashDocSetFamily: "dashtoc",
    dashIndexFilePath: "index.html",
  };
  const lines = Object.entries(texts).map(([key, text]) => `\t<key>${key}</key>\n\t<string>${escaped(text)}</string>\n`); // prettier-ignore
  return `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n<dict>\n${lines.join("")}\t<key>isDashDocset</key>\n\t<true/>\n\t<key>isJavaScriptEnabled</key>\n\t<false/>\n</dict>\n</plist>\n`;
}
