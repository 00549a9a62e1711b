import { createHash, verify } from "node:crypto";
import { local } from "@citadel/core/access";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { citadel } from "../support/citadel.ts";
import { pack } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { place, type Place } from "./place.ts";

let here: Place;
let token: string;
beforeEach(async () => {
  here = await place();
  token = await here.signIn("ann");
});
afterEach(async () => here[Symbol.asyncDispose]());

interface Dist {
  readonly integrity: string;
  readonly signatures?: readonly { readonly keyid: string; readonly sig: string }[];
}
const short = { accept: "application/vnd.npm.install-v1+json" };
const operator = { principal: local, via: "cli" } as const;

/** What npm does with the answer of the keys endpoint. */
async function valid(name: string, version: string, { integrity, signatures }: Dist) {
  const { keys } = (await here.ask("/-/npm/v1/keys")).json() as {
    keys: { keyid: string; key: string }[];
  };
  expect(signatures).toHaveLength(1);
  return signatures?.every(({ keyid, sig }) => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${keys.find((one) => one.keyid === keyid)?.key ?? ""}\n-----END PUBLIC KEY-----`;
    return verify(
      "sha256",
      Buffer.from(`${name}@${version}:${integrity}`),
      pem,
      Buffer.from(sig, "base64"),
    );
  });
}

describe("H2 signatures of packages", () => {
  test("no keys are offered before something was signed, so that nothing counts as missing", async () => {
    expect((await here.ask("/-/npm/v1/keys")).status).toBe(404);
  });

  test("a publish is signed, and every way to read it has the same signature", async () => {
    const manifest = { name: "@ann/signed", version: "1.0.0" };
    expect((await here.publish(token, manifest)).status).toBe(201);
    const { keys } = (await here.ask("/-/npm/v1/keys")).json();
    expect(keys).toEqual([
      {
        expires: null,
        keyid: expect.stringMatching(/^SHA256:[\w+/]{43}$/),
        keytype: "ecdsa-sha2-nistp256",
        scheme: "ecdsa-sha2-nistp256",
        key: expect.stringMatching(/^MF[\w+/=]+$/),
      },
    ]);
    const der = Buffer.from(keys[0].key, "base64");
    expect(keys[0].keyid).toBe(
      `SHA256:${createHash("sha256").update(der).digest("base64").replace("=", "")}`,
    );
    const full = (await here.ask("/@ann%2fsigned")).json().versions["1.0.0"].dist;
    expect(await valid("@ann/signed", "1.0.0", full)).toBe(true);
    for (const [path, headers] of [
      ["/@ann%2fsigned", short],
      ["/@ann%2fsigned/1.0.0", {}],
      ["/@ann%2fsigned/latest", short],
    ] as const) {
      const document = (await here.ask(path, { headers })).json();
      const dist = document.dist ?? document.versions["1.0.0"].dist;
      expect(dist.signatures, path).toEqual(full.signatures);
    }
  });

  test("a deprecation and another version leave a signature as it is", async () => {
    await here.publish(token, { name: "kept", version: "1.0.0" });
    const before = (await here.ask("/kept")).json().versions["1.0.0"].dist;
    await here.publish(token, { name: "kept", version: "2.0.0" });
    const document = (await here.ask("/kept")).json();
    document.versions["1.0.0"].deprecated = "old";
    await here.ask("/kept", { method: "PUT", token, body: document });
    const after = (await here.ask("/kept")).json();
    expect(after.versions["1.0.0"]).toMatchObject({ deprecated: "old", dist: before });
    expect(await valid("kept", "2.0.0", after.versions["2.0.0"].dist)).toBe(true);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("what was published before there was a key is signed on demand, in all views", async () => {
    await here.publish(token, { name: "old", version: "1.0.0" });
    await unsign("old");
    const first = (await here.ask("/old", { headers: short })).json();
    const one = await here.ask("/old/1.0.0");
    expect(first.versions["1.0.0"].dist.signatures).toBeUndefined();
    expect(one.json().dist.signatures).toBeUndefined();

    expect(await here.citadel.registry.sign("old", operator)).toBe(1);
    expect(await here.citadel.registry.sign("old", operator)).toBe(0);
    for (const headers of [{}, short]) {
      const { dist } = (await here.ask("/old", { headers })).json().versions["1.0.0"];
      expect(await valid("old", "1.0.0", dist)).toBe(true);
    }
    // a client that kept the unsigned manifest is not told that it is still the newest
    const again = await here.ask("/old/1.0.0", {
      headers: { "if-none-match": one.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(200);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("verify finds a signature that is not the registry's", async () => {
    await here.publish(token, { name: "forged", version: "1.0.0" });
    const { registry } = here.citadel;
    const seen = await registry.packages.read("forged");
    const sig = seen?.state.versions.get("1.0.0")?.signature?.sig ?? "";
    await here.publish(token, { name: "good", version: "1.0.0" });
    const keyid = (await here.citadel.keys.list("registry"))[0]?.keyid ?? "";
    for (const signature of [
      { keyid, sig: sig.replace(/.{8}$/, "AAAAAAA=") },
      { keyid: "SHA256:other", sig },
    ]) {
      await registry.packages.change("forged", { name: "local", via: "cli" }, () => [
        { type: "sign", signatures: [["1.0.0", signature]] },
      ]);
      const { items, checked } = await here.citadel.verify();
      expect(items).toEqual([
        {
          key: "d/package/forged",
          problem: "signature",
          message: expect.stringContaining("forged@1.0.0"),
        },
      ]);
      expect(checked.signatures).toBe(2);
    }
  });

  /** The package as an older Citadel would have stored it. */
  async function unsign(name: string): Promise<void> {
    const { registry } = here.citadel;
    const old = (await registry.packages.read(name))?.state.versions.get("1.0.0");
    if (!old) throw new Error("not there");
    const { signature: _, ...record } = old;
    await registry.packages.change(name, { name: "ann", via: "npm" }, () => [
      { type: "publish", version: "1.0.0", record, tags: [] },
    ]);
  }
});

test("H2 G5 a server without the key of the others refuses to publish, and says what to do", async () => {
  const temp = await tempFolder("server-key");
  try {
    const env = { CITADEL_STORE: `sqlite:${temp.path}/store.db` };
    const tarball = `${temp.path}/p.tgz`;
    const { writeFile } = await import("node:fs/promises");
    const publish = async (home: string, version: string, more: NodeJS.ProcessEnv = {}) => {
      await writeFile(tarball, pack({ name: "p", version }));
      return citadel(
        `${temp.path}/${home}`,
        ["local:publish", "p", version, "-", "-f", tarball, "--json"],
        { env: { ...env, ...more } },
      );
    };
    expect((await publish("a", "1.0.0")).code).toBe(0);
    const refused = await publish("b", "1.1.0");
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      error: { code: "E_SERVER_KEY", exit: 2, hint: expect.arrayContaining([expect.anything()]) },
    });
    const { readFile } = await import("node:fs/promises");
    const key = await readFile(`${temp.path}/a/data/server.key`, "utf8");
    expect((await publish("b", "1.1.0", { CITADEL_SERVER_KEY: key.trim() })).code).toBe(0);
  } finally {
    await temp.remove();
  }
});
