// Writes down which commit the server is built from, for `citadel_build_info`; nothing outside of a checkout.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const out = join(root, "plugins/serve/dist/revision");
rmSync(out, { force: true });
// a folder in somebody else's checkout is none
if (existsSync(join(root, ".git")))
  try {
    const words = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
    const found = execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: "pipe" });
    writeFileSync(out, found.trim());
  } catch {
    // without git nothing tells
  }
