import { describe, expect, test } from "vitest";
import { launchOf, type LaunchOptions } from "../../plugins/bunx/dist/launch.js";

const program = "/p/a.js";
const both: Readonly<Record<string, string>> = {
  bun: "/b/bun",
  node: "/n/node",
  python3: "/y/python3",
};
const launch = (shebang: string | undefined, more: Partial<LaunchOptions> = {}) => {
  const { runtime, file, args } = launchOf({
    ...{ program, head: { shebang, binary: false }, node: "/own/node" },
    find: (name) => both[name],
    ...more,
  });
  return [runtime, file, args.filter((arg) => !arg.startsWith("--"))];
};
const onNode = ["node", "/own/node", [program]];
const onBun = ["bun", "/b/bun", [program]];

describe("E2: how a program starts", () => {
  test.each<[string | undefined, ReturnType<typeof launch>]>([
    ["/usr/bin/env node", onNode],
    ["/usr/bin/env -S node --no-warnings", onNode],
    ["/usr/bin/env NODE_ENV=x node", onNode],
    ["/usr/local/bin/node", onNode],
    [" /usr/bin/env  node ", onNode],
    ["/usr/bin/env bun", onBun],
    [undefined, onBun],
    ["", onBun],
    ["/usr/bin/env python3", ["system", "/y/python3", [program]]],
    ["/usr/bin/python3 -I", ["system", "/y/python3", ["-I", program]]],
  ])("%s", (shebang, expected) => expect(launch(shebang)).toEqual(expected));

  test("without bun node runs what says nothing, and what says bun does not run", () => {
    const find = (name: string) => (name === "bun" ? undefined : both[name]);
    expect(launch(undefined, { find })).toEqual(onNode);
    expect(launch(undefined, { find, node: undefined })).toEqual(["node", "/n/node", [program]]);
    for (const more of [{ bun: true }, {}])
      expect(() => launch("/usr/bin/env bun", { find, ...more })).toThrow(/needs bun/);
    expect(() => launch("/usr/bin/env ruby")).toThrow(/needs ruby/);
  });

  test("what is no script is started itself; on Windows only what that starts without a shell", () => {
    const binary = { head: { shebang: undefined, binary: true }, program: "/p/tool" };
    expect(launch(undefined, binary)).toEqual(["system", "/p/tool", []]);
    const exe = { ...binary, program: "C:\\p\\tool.exe", windows: true };
    expect(launch(undefined, exe)).toEqual(["system", "C:\\p\\tool.exe", []]);
    const windows = { head: { shebang: undefined, binary: false }, windows: true };
    for (const name of ["tool.cmd", "tool.bat", "tool.ps1"])
      expect(() => launch(undefined, { ...windows, program: `C:\\p\\${name}` })).toThrow(/Windows/);
    expect(
      launch("/usr/bin/env node", {
        ...windows,
        head: { shebang: "/usr/bin/env node", binary: false },
      }),
    ).toEqual(onNode);
  });
});
