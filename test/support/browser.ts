import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";

import { installed } from "../servers/installed.ts";

/** Debian's Chromium; undefined where it is not there and may be missing. Asks nobody but the pages that are opened. */
export async function openBrowser(): Promise<Browser | undefined> {
  const executablePath = await installed("chromium", ["/usr/bin/chromium"]);
  if (executablePath === undefined) return undefined;
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Where pictures of pages go, when CITADEL_TEST_PICTURES names a folder. */
export const pictureOf = (name: string): string | undefined => {
  const folder = process.env["CITADEL_TEST_PICTURES"];
  return folder === undefined ? undefined : join(folder, `${name}.png`);
};
