import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { citadelEnv, root } from "../support/citadel.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("local-docs");
afterAll(() => folder.remove());

test(
  "A1, A2, A3, A5, A6, A7, A8, A12: docs/local.md works as written",
  { timeout: 120_000 },
  async () => {
    const page = await readFile(join(root, "docs/local.md"), "utf8");
    const blocks = (language: string) =>
      [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
        ([, code]) => code ?? "",
      );
    const env = citadelEnv(folder.path, {
      NODE: process.execPath,
      BIN: join(root, "bin/citadel.js"),
    });
    const script = `set -e\ncitadel() { "$NODE" "$BIN" "$@"; }\n${blocks("sh").join("\n")}`;
    const ran = await run("sh", ["-c", script], { cwd: folder.path, env });
    expect(ran.output).toContain("published @demo/hello@1.0.0");
    expect(ran.output).toContain("added 2 versions of 2 packages");
    expect(ran, ran.output).toMatchObject({ code: 0 });

    const args = ["--input-type=module", "-e", blocks("js").join("\n")];
    const used = await run(process.execPath, args, { env, cwd: import.meta.dirname });
    expect(used.stdout.split("\n").slice(-3)).toEqual([
      expect.stringContaining("module.exports = 1"),
      "@demo/hello 1.0.1",
      "",
    ]);
  },
);
