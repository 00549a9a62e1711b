// Attack 44: hooks as a way into the network of the registry, and their secrets as something to find.
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";

import { hooked, secret } from "../hooks/harness.ts";
import { receiver } from "../support/receiver.ts";

const never = new AbortController().signal;
const one = { name: "one", version: "1.0.0" };
const path = "/-/npm/v1/hooks/hook";

afterEach(() => void vi.unstubAllEnvs());

describe("attack 44: an endpoint in a private network is refused", () => {
  test.each([
    "http://127.0.0.1:4873/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://[fd00::1]/",
    "http://example.com/",
    "https://ann:password@example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
  ])("%s", async (endpoint) => {
    await using all = await hooked({ "hooks.allow": [] });
    const token = await all.here.signIn("ann");
    const body = { type: "package", name: "one", endpoint, secret };
    const got = await all.here.ask(path, { method: "POST", token, body });
    expect([got.status, got.json().code]).toEqual([400, "E_INVALID_DOCUMENT"]);
    expect(got.text).not.toContain("password@");
  });
});

describe("attack 44: a call goes nowhere else", () => {
  test("a name that leads to loopback is not called, and the owner is not told why", async () => {
    await using all = await hooked({ "hooks.allow": [] });
    await using to = await receiver();
    const token = await all.here.signIn("ann");
    const endpoint = to.url.replace("http://127.0.0.1", "https://localhost");
    const { id } = await all.hook(token, "one", { endpoint });
    await all.here.publish(token, one);
    await all.other().deliver(never);
    expect(to.got).toEqual([]);
    expect(await all.look(token, id)).toMatchObject({ status: "failing", response_code: null });
  });

  test("what was allowed when it was made is refused when it is allowed no more", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    await all.hook(token, "one");
    await here.publish(token, one);
    const { createHooks } = await import("@citadel/core/hooks");
    const settings = { allow: [], perUser: 1 };
    const hooks = createHooks({ ...here.citadel, settings, base: undefined });
    await hooks.deliver(never);
    await hooks.close();
    expect(to.got).toEqual([]);
  });

  test.each([301, 302, 303, 307, 308])("a redirect (%i) is not followed", async (status) => {
    await using all = await hooked();
    await using elsewhere = await receiver();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const { id } = await all.hook(token, "one");
    to.react(() => ({ status, headers: { location: elsewhere.url } }));
    await here.publish(token, one);
    await all.other().deliver(never);
    expect([to.got.length, elsewhere.got.length]).toEqual([1, 0]);
    expect(await all.look(token, id)).toMatchObject({ status: "failing", response_code: status });
  });
});

describe("attack 44: what a hook knows stays inside", () => {
  test("neither secret nor answer nor address is in the store, in an answer or in the log", async () => {
    vi.stubEnv("DEBUG", "citadel:*");
    const lines: string[] = [];
    const write = vi.spyOn(process.stderr, "write").mockImplementation((line) => {
      lines.push(String(line));
      return true;
    });
    try {
      await using all = await hooked();
      const { here, to } = all;
      const token = await here.signIn("ann");
      to.react((n) => ({ status: n === 1 ? 500 : 410, body: "what the inside says" }));
      const { id } = await all.hook(token, "one", { endpoint: `${to.url}services/T0KENINPATH` });
      await here.publish(token, one);
      const hooks = all.other({ pauses: [1] });
      await hooks.deliver(never);
      await sleep(5);
      await hooks.deliver(never);
      expect(to.got.length).toBe(2);
      const { driver } = here.citadel.store;
      const stored: string[] = [];
      for (const { key } of (await driver.list({})).entries)
        stored.push(Buffer.from((await driver.get(key))?.body ?? []).toString("latin1"));
      const answers = JSON.stringify(await all.look(token, id));
      for (const text of [lines.join(""), stored.join(""), answers]) {
        expect(text).not.toContain(secret);
        expect(text).not.toContain("what the inside says");
      }
      const log = lines.join("");
      expect(log).toMatch(/called hook=.* host=127\.0\.0\.1/);
      expect(log).toMatch(/ALERT the hook .* of ann is given up/);
      expect(log).not.toContain("T0KENINPATH");
    } finally {
      write.mockRestore();
    }
  });

  test("a long answer is not read", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const { id } = await all.hook(token, "one");
    to.react(() => ({ status: 200, body: "x".repeat(20_000_000) }));
    await here.publish(token, one);
    const before = process.memoryUsage().arrayBuffers;
    await all.other().deliver(never);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000_000);
    expect(await all.look(token, id)).toMatchObject({ status: "active", response_code: 200 });
  });
});
