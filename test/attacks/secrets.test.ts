// Row 47 with everything switched on that writes.
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";

import { citadel, serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { server as upstream, stock } from "../upstream/behind.ts";

const password = "canary-password-7";
const basic = (word: string) => Buffer.from(`ann:${word}`).toString("base64");

test("attack 47: with DEBUG=* and --verbose, behind a refusing upstream, neither logs nor answers nor files hold a secret", async () => {
  const temp = await tempFolder("attack-47");
  const there = await upstream();
  stock(there, "up", { versions: { "1.0.0": {} } });
  there.on("/refused", (_request, response) => response.writeHead(403).end("no"));
  there.on("/broken", (request) => request.socket.destroy());
  const settings = [
    { name: "up", url: there.url, username: "canary-user", password: "canary-upstream" },
  ];
  const env = { DEBUG: "*", CITADEL_UPSTREAM: JSON.stringify(settings) };
  const server = await serve({ home: temp.path, args: ["--verbose"], env });
  const { host, port } = new URL(server.url);
  const said: string[] = [];
  const raw = async (lines: string): Promise<void> => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.end(`${lines}\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    socket.on("data", (chunk: Buffer) => said.push(chunk.toString("latin1")));
    await once(socket, "close");
  };
  try {
    const token = await signIn(server.url, "ann", password);
    const { body } = await request(`${server.url}/-/npm/v1/tokens`, {
      method: "POST",
      token,
      body: JSON.stringify({ password, name: "other" }),
    });
    const { token: second } = JSON.parse(body.toString()) as { token: string };
    const manifest = { name: "one", version: "1.0.0" };
    await publish(server.url, token, manifest, pack(manifest));
    const spelled = Array.from(second, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join(
      "",
    );
    const ask = async (path: string, more: object = {}): Promise<void> => {
      const got = await request(server.url + path, { token, ...more });
      said.push(got.text(), JSON.stringify(got.headers));
    };
    for (const path of ["/up", "/refused", "/broken", "/up/-/up-1.0.0.tgz", "/-/v1/search?text=up"])
      await ask(path);
    for (const word of [password, `${password}!`]) {
      const headers = { authorization: `Basic ${basic(word)}` };
      await ask("/-/whoami", { token: undefined, headers });
    }
    await ask("/-/whoami", { headers: { "npm-otp": "canary-otp", cookie: "a=canary-cookie" } });
    await ask("/one", { method: "PUT", body: `{"password":"${password}","x":` });
    await ask(`/-/user/%74oken/${spelled}x`, { method: "DELETE" });
    await ask(`/-/user%2ftoken%2f${spelled}`, { method: "DELETE" });
    await ask(`/${spelled}`);
    await ask(`/-/user/token/${second}`, { method: "DELETE" });
    await raw(`GET http://ann:${password}@${host}/one HTTP/1.1`);
    await raw(`GET http://${second}@${host}/one?token=${second} HTTP/1.1`);
    await raw(`GET /-/nothing/${second}%zz HTTP/1.1`);
    await server.stop();
    for (const args of [
      ["config"],
      ["registry:token:list", "ann"],
      ["registry:stats"],
      ["nonsense", token],
    ]) {
      const ran = await citadel(temp.path, [...args, "--json"], { env });
      said.push(...(args[0] === "nonsense" ? [] : [ran.stdout, ran.stderr]));
    }
    const files = await readdir(temp.path, { recursive: true, withFileTypes: true });
    for (const file of files)
      if (file.isFile())
        said.push((await readFile(join(file.parentPath, file.name))).toString("latin1"));
    const log = server.log();
    expect(log).toContain('"msg":"request"');
    expect(log).toContain("citadel:");
    expect(said.join()).toContain("E_AUTH_INVALID");
    const secrets = [
      ...[password, basic(password), basic(`${password}!`), "canary-otp", "canary-cookie"],
      ...["canary-upstream", Buffer.from("canary-user:canary-upstream").toString("base64")],
      ...[token.slice(4), second.slice(4), spelled],
    ];
    const unescaped = log
      .replaceAll("%25", "%")
      .replaceAll(/%([\da-f]{2})/gi, (_, hex: string) =>
        String.fromCharCode(Number.parseInt(hex, 16)),
      );
    for (const secret of secrets) {
      expect(log).not.toContain(secret);
      expect(unescaped).not.toContain(secret);
      // what was sent may not come back, and lies nowhere in the open
      for (const text of said) expect(text).not.toContain(secret);
    }
  } finally {
    await server.stop();
    await temp.remove();
  }
});
