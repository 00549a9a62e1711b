import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { citadel, citadelEnv, root } from "../support/citadel.ts";
import { installed } from "../servers/installed.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

// Real shells on a terminal of their own: a line is typed with the tab key in it, and what runs at the end tells its arguments.

const folder = await tempFolder("completion");
afterAll(() => folder.remove());
const home = join(folder.path, "home");
const bin = join(folder.path, "bin");

await mkdir(bin);
// the real program completes; everything else only says what it was given
const program = `#!/bin/sh
if [ "$1" = __complete ]; then exec '${process.execPath}' '${join(root, "bin/citadel.js")}' "$@"; fi
printf 'ARGS'; printf '<%s>' "$@"; echo
`;
await writeFile(join(bin, "citadel"), program, { mode: 0o755 });
await writeFile(join(folder.path, "a file.js"), "export default 1;\n");
for (const name of ["hello", "help-desk"]) {
  const args = ["local:publish", name, "1.0.0", "demo", "-f", join(folder.path, "a file.js")];
  const ran = await citadel(home, args);
  expect(ran.code, ran.output).toBe(0);
}
await citadel(home, ["local:list-packages"]);
// a plugin that would like to run something in the shell of whoever completes
const evil = join(folder.path, "evil");
const trap = join(folder.path, "trapped");
const id = `evil:$(touch\${IFS}${trap})`;
await mkdir(evil);
await writeFile(join(evil, "package.json"), JSON.stringify({ name: "evil", version: "1.0.0", type: "module", exports: { ".": "./index.js" }, oclif: { commands: "./commands" } })); // prettier-ignore
await writeFile(join(evil, "index.js"), "export {};\n");
await writeFile(join(evil, "oclif.manifest.json"), JSON.stringify({ version: "1.0.0", commands: { [id]: { id, aliases: [], args: {}, flags: {}, description: "`touch x`\u001b]0;owned\u0007\ttab\nnew" } } })); // prettier-ignore
const linked = await citadel(home, ["plugins:link", "--no-install", evil]);
expect(linked.code, linked.output).toBe(0);

const env = { ...citadelEnv(home, { TERM: "xterm", LANG: "C.UTF-8" }), PATH: [bin, process.env["PATH"]].join(delimiter), PS1: "> " }; // prettier-ignore

interface ShellUnderTest {
  readonly start: string;
  readonly load: string;
}
const starts: Readonly<Record<string, ShellUnderTest>> = {
  bash: { start: "bash --norc --noprofile -i", load: "source <('$BIN' completion bash)" },
  zsh: { start: "zsh -f -i", load: "autoload -Uz compinit; compinit -u -D; source <('$BIN' completion zsh)" }, // prettier-ignore
  fish: { start: "fish --no-config -i", load: "'$BIN' completion fish | source" },
};

/** Types lines one after the other, each once the one before has said its arguments. @returns what each ran with */
async function type(shell: ShellUnderTest, lines: readonly string[]): Promise<string[]> {
  const script = join(folder.path, "real");
  await writeFile(script, `#!/bin/sh\nexec '${process.execPath}' '${join(root, "bin/citadel.js")}' "$@"\n`, { mode: 0o755 }); // prettier-ignore
  const child = spawn("script", ["-qec", shell.start, "/dev/null"], { cwd: folder.path, env });
  let said = "";
  const heard = (pattern: RegExp, from: number): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(said.slice(from));
        if (!found) return;
        child.stdout.off("data", look);
        resolve(found);
      };
      child.stdout.on("data", look);
      setTimeout(() => reject(new Error(`no ${pattern}: ${JSON.stringify(said.slice(from))}`)), 20_000).unref(); // prettier-ignore
      look();
    });
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  try {
    child.stdin.write(`${shell.load.replace("$BIN", script)}; citadel loa""ded\n`);
    await heard(/ARGS<loaded>/, 0);
    const results: string[] = [];
    for (const line of lines) {
      const from = said.length;
      child.stdin.write(`${line}\n`);
      const [, args = ""] = await heard(/ARGS((?:<[^\r\n]*>)+)\r/, from);
      results.push(args);
    }
    return results;
  } finally {
    child.kill("SIGKILL");
  }
}

describe.each(Object.entries(starts))("G3: completion in %s", (name, shell) => {
  test("completes both forms, flags, values, packages and paths, and runs nothing that others wrote", async (context) => {
    const there = await installed(name, [`/usr/bin/${name}`, `/bin/${name}`]);
    if (!there) return context.skip(`no ${name} here`);
    const typed: readonly (readonly [line: string, args: string])[] = [
      ["citadel local:pu\t", "<local:publish>"],
      ["citadel local pu\t", "<local><publish>"],
      ["citadel registry:token:cr\t", "<registry:token:create>"],
      ["citadel registry:token cr\t", "<registry:token><create>"],
      ["citadel verif\t", "<verify>"],
      ["citadel --json verif\t", "<--json><verify>"],
      ["citadel log --foll\t", "<log><--follow>"],
      ["citadel log --kind pol\t", "<log><--kind><policy>"],
      ["citadel log --kind=pol\t", "<log><--kind=policy>"],
      ["citadel log --package @demo/hello\t", "<log><--package><@demo/hello>"],
      ["citadel log --package @demo/hel\tp\t", "<log><--package><@demo/help-desk>"],
      ["citadel completion fi\t", "<completion><fish>"],
      ["citadel local:publish a 1.0.0 demo -f a\\ fi\t", "<local:publish><a><1.0.0><demo><-f><a file.js>"], // prettier-ignore
      ["citadel evil:\t", `<${id}>`],
    ];
    const results = await type(shell, typed.map(([line]) => line)); // prettier-ignore
    expect(results).toEqual(typed.map(([, args]) => args));
    expect(existsSync(trap)).toBe(false);
  });
});

test("G3: bash completes an alias, too", async () => {
  const alias = `shopt -s expand_aliases; alias citadel='${process.execPath} ${join(root, "bin/citadel.js")}'`;
  const script = (await citadel(home, ["completion", "bash"])).stdout;
  const line = "citadel local:pu";
  const ask = `COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=(citadel local : pu) COMP_CWORD=3; _citadel citadel; printf '%s' "$COMPREPLY"`;
  const ran = await mustRun("bash", ["-c", `${alias}\n${script}\n${ask}`], {
    env: citadelEnv(home),
  });
  expect(ran.stdout).toBe("publish");
});

test("G3: fish shows what each candidate is", async (context) => {
  if (!(await installed("fish", ["/usr/bin/fish"]))) return context.skip("no fish here");
  const script = (await citadel(home, ["completion", "fish"])).stdout;
  const ran = await mustRun("fish", ["--no-config", "-c", `${script}\ncomplete -C "citadel secrets:g"`], { env }); // prettier-ignore
  expect(ran.stdout).toMatch(/^secrets:get\t\w/m);
});

test("G3: __complete loads neither oclif nor a driver, never fails, and shows nothing that steers a terminal", async () => {
  const lines = async (...words: string[]): Promise<string[]> => {
    const ran = await citadel(home, ["__complete", ...words]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    return ran.stdout.trimEnd().split("\n");
  };
  expect(await lines("evil:")).toEqual([`${id}\ttouch x`.replace("touch x", "`touch x`  tab"), ":none"].map((line) => line.replace("  tab", " tab"))); // prettier-ignore
  expect(await lines("nothing-like-this", "x", "")).toEqual([":none"]);
  expect(await lines("log", "--package", "")).toContain("@demo/hello\t");
  const hook = join(root, "test/cli/fixtures/loaded.js");
  const list = join(folder.path, "loaded.json");
  await run(process.execPath, ["--import", hook, join(root, "bin/citadel.js"), "__complete", "lo"], { env: citadelEnv(home, { LOADED: list }) }); // prettier-ignore
  const { files } = JSON.parse((await mustRun("cat", [list])).stdout) as { files: string[] };
  expect(files.length).toBeLessThanOrEqual(12);
  expect(files.filter((file) => /oclif|\/drivers\/|\/plugins\//.test(file))).toEqual([]);
});
