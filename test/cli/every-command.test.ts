import { errors } from "@citadel/core/errors";
import { afterAll, describe, expect, test } from "vitest";
import { citadel } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder } from "../support/temp.ts";
import { asking, commands, endless, onTerminal, shell, toNobody } from "./cli.ts";
import type { Ran } from "../support/run.ts";

// New commands are covered as soon as they are in a manifest. Each runs without arguments: it either does its work on an
// empty store or says which argument is missing; the rules hold for both.

const home = await tempFolder("every-command");
afterAll(() => home.remove());
const all = oneProcess();

const codes = new Set<number | null>([0, 3, ...Object.values(errors).map(({ exit }) => exit)]);
// oxlint-disable-next-line no-control-regex -- these are what must not be there
const steering = /[\r\u001b]/;
const store = ["--store", "memory:"];

describe.concurrent.each(commands.filter(({ id }) => !endless.has(id)).map(({ id }) => id))(
  "G3: %s",
  (id) => {
    test("1, 5, 12, 14, 32, 44: no colour and no moving line in a pipe; stdin closed, a reader gone", async () => {
      const ran = await shell('exec "$0" "$@" <&-', home.path, [id, ...store]);
      expect(codes).toContain(ran.code);
      expect(ran.signal).toBeNull();
      expect(ran.stdout + ran.stderr).not.toMatch(steering);
      expect(ran.code === 0 || ran.stderr !== "", "a failure says something").toBe(true);
      expect(ran.stderr).not.toMatch(/^\s+at /m);
      if (ran.stdout === "") return; // nobody can go away from what is not written
      const { code, stderr } = await toNobody(home.path, [id, ...store]);
      expect(codes).toContain(code);
      expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
    });

    test("2, 38: --json prints one document and nothing else, also on failure", async () => {
      const env = { FORCE_COLOR: "3" };
      const ran = await all.citadel(home.path, [id, "--json", ...store], { env });
      const json = JSON.parse(ran.stdout) as { error?: { exit: number; code: string } };
      expect(ran.stdout).not.toMatch(steering);
      expect(ran.stderr).not.toMatch(steering);
      if (json.error) {
        expect(json.error).toMatchObject({ exit: ran.code, message: expect.any(String) });
        expect(Object.keys(errors)).toContain(json.error.code);
      } else expect(codes).toContain(ran.code);
    });

    test("12: NO_COLOR on a terminal prints no colour", async () => {
      const quiet = asking.has(id) ? ["--no-input"] : [];
      const args = [id, ...store, ...quiet];
      const ran = await onTerminal(home.path, args, { NO_COLOR: "1", CI: "1" });
      expect(ran.stdout).not.toMatch(steering);
    });
  },
);

const said = ({ code, stdout, stderr }: Partial<Ran> = {}): object => ({ code, stdout, stderr });

/** The same of all commands: the parser and the help do not depend on how they were started. */
const ofAll = (...args: readonly string[]): Promise<Ran[]> =>
  Promise.all(commands.map(({ id }) => all.citadel(home.path, [id, ...args])));

test("21, 38: an unknown flag exits 2 and what it held is not repeated", async () => {
  const rans = await ofAll("--quiett=hunter2", "--json");
  for (const [n, { code, stdout, stderr }] of rans.entries()) {
    expect(code, commands[n]?.id).toBe(2);
    expect(stdout + stderr).not.toContain("hunter2");
    expect(JSON.parse(stdout), commands[n]?.id).toMatchObject({
      error: { code: "E_USAGE", hint: expect.arrayContaining(["did you mean --quiet?"]) },
    });
  }
  const alone = [commands[0]?.id ?? "", "--quiett=hunter2", "--json"];
  expect(await citadel(home.path, alone)).toMatchObject(said(rans[0]));
});

test("17, 19: -h shows examples in 80 columns", async () => {
  const rans = await ofAll("-h");
  for (const [n, { code, stdout }] of rans.entries()) {
    expect(code).toBe(0);
    expect(stdout, commands[n]?.id).toContain("EXAMPLES");
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  }
  expect(await citadel(home.path, [commands[0]?.id ?? "", "-h"])).toMatchObject(said(rans[0]));
});
