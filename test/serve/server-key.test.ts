import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

import { citadelEnv, root } from "../support/citadel.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";

test("H2 G5 a server without the key of the others says so once when it starts; with --workers it stops with one word", async () => {
  const temp = await tempFolder("server-key");
  const store = `sqlite:${temp.path}/store.db`;
  const started = (home: string, key: number | string, ...args: string[]) => {
    const child = spawn(
      process.execPath,
      [join(root, "bin/citadel.js"), "serve", "--port", "0", ...args],
      {
        env: citadelEnv(`${temp.path}/${home}`, {
          CITADEL_STORE: store,
          CITADEL_SERVER_KEY:
            typeof key === "string" ? key : Buffer.alloc(32, key).toString("base64"),
        }),
      },
    );
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].on("data", (chunk: Buffer) => (said[stream] += chunk.toString()));
    const stop = async (): Promise<void> => {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    };
    return { child, said, stop };
  };
  const events = ({ stdout }: { readonly stdout: string }): { event: string; url: string }[] =>
    stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  const servers = [started("a", 1, "--json")];
  try {
    const [first] = servers as [(typeof servers)[0]];
    await until(async () => events(first.said).length > 0);
    const url = events(first.said)[0]?.url.replace(/\/$/, "") ?? "";
    const token = await signIn(url, "ann");
    await publish(url, token, { name: "p", version: "1.0.0" });

    const second = started("b", 2, "--json");
    servers.push(second);
    await until(async () => events(second.said).length > 1);
    expect(events(second.said)).toEqual([
      expect.objectContaining({ event: "listening" }),
      {
        event: "warning",
        code: "E_SERVER_KEY",
        message: expect.stringContaining("is sealed under the key of another server"),
        hint: expect.arrayContaining([expect.stringContaining("CITADEL_SERVER_KEY")]),
      },
    ]);

    const third = started("c", 2, "--workers", "2");
    servers.push(third);
    await until(async () => third.said.stderr.includes("registry:keys:rotate"));
    await third.stop();
    expect(third.child.exitCode).toBe(0);
    expect(third.said.stderr.match(/this server cannot sign/g)).toHaveLength(1);
    expect(third.said.stderr.match(/stopping: /g)).toHaveLength(1);

    const mistyped = started("e", "mistyped", "--json", "--store", `sqlite:${temp.path}/empty.db`);
    servers.push(mistyped);
    await until(async () => events(mistyped.said).length > 1);
    expect(events(mistyped.said)[1]).toMatchObject({ event: "warning", code: "E_SERVER_KEY" });
    await mistyped.stop();

    const fourth = started("d", 1, "--json");
    servers.push(fourth);
    await until(async () => events(fourth.said).length > 0);
    await fourth.stop();
    await first.stop();
    expect([...events(first.said), ...events(fourth.said)].map(({ event }) => event)).toEqual([
      "listening",
      "listening",
    ]);
  } finally {
    await Promise.all(servers.map(({ stop }) => stop()));
    await temp.remove();
  }
});
