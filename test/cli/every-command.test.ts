import { errors } from "@citadel/core/errors";
import { afterAll, describe, expect, test } from "vitest";
import { citadel } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";
import { asking, commands, endless, onTerminal, shell, toNobody } from "./cli.ts";

// New commands are covered as soon as they are in a manifest. Each runs without arguments: it either does its work on an
// empty store or says which argument is missing; the rules hold for both.

const home = await tempFolder("every-command");
afterAll(() => home.remove());

const codes = new Set<number | null>([0, 3, ...Object.values(errors).map(({ exit }) => exit)]);
// oxlint-disable-next-line no-control-regex -- these are what must not be there
const steering = /[\r\u001b]/;
const store = ["--store", "memory:"];

describe.concurrent.each(commands.filter(({ id }) => !endless.has(id)).map(({ id }) => id))(
  "G3: %s",
  (id) => {
    test("1, 5, 12, 14: prints neither colour nor moving lines into a pipe", async () => {
      const ran = await citadel(home.path, [id, ...store]);
      expect(codes).toContain(ran.code);
      expect(ran.stdout + ran.stderr).not.toMatch(steering);
      expect(ran.code === 0 || ran.stderr !== "", "a failure says something").toBe(true);
      expect(ran.stderr).not.toMatch(/^\s+at /m);
    });

    test("2, 38: --json prints one document and nothing else, also on failure", async () => {
      const ran = await citadel(home.path, [id, "--json", ...store], { env: { FORCE_COLOR: "3" } });
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

    test("32: ends with stdin closed, asking nothing", async () => {
      const ran = await shell('exec "$0" "$@" <&-', home.path, [id, ...store]);
      expect(codes).toContain(ran.code);
      expect(ran.signal).toBeNull();
    });

    test("44: a reader that went away is no error", async () => {
      const { code, stderr } = await toNobody(home.path, [id, ...store]);
      expect(codes).toContain(code);
      expect(stderr).not.toMatch(/EPIPE|^\s+at /m);
    });

    test("21, 38: an unknown flag exits 2 and what it held is not repeated", async () => {
      const ran = await citadel(home.path, [id, "--quiett=hunter2", "--json"]);
      expect(ran.code).toBe(2);
      expect(ran.stdout + ran.stderr).not.toContain("hunter2");
      expect(JSON.parse(ran.stdout)).toMatchObject({
        error: { code: "E_USAGE", hint: expect.arrayContaining(["did you mean --quiet?"]) },
      });
    });

    test("17, 19: -h shows examples in 80 columns", async () => {
      const ran = await citadel(home.path, [id, "-h"]);
      expect(ran.code).toBe(0);
      expect(ran.stdout).toContain("EXAMPLES");
      for (const line of ran.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    });
  },
);
