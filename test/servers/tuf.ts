import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";

import { certificate } from "./certificate.ts";

/** The host that npm asks for keys first, whatever registry it audits. */
const host = "tuf-repo-cdn.sigstore.dev";

export interface TufMirror extends AsyncDisposable {
  /** what a client needs in its environment to reach the mirror instead of the internet */
  readonly env: NodeJS.ProcessEnv;
  /** Makes the npm whose cache lies here trust the mirror: what an administrator hands out once. */
  trust(npmCache: string): Promise<void>;
  /** paths that were asked for */
  readonly asked: readonly string[];
}

/**
 * A TUF repository with a trust root of its own and no targets, under the name of sigstore's, as a network without internet
 * has one: clients find no keys of the registry in it and ask the registry itself.
 */
export async function startTufMirror(): Promise<TufMirror> {
  const tls = await certificate([host]);
  const files = repository();
  const asked: string[] = [];
  const site = createHttps(
    { cert: await readFile(tls.cert), key: await readFile(tls.key) },
    (request, response) => {
      const path = (request.url ?? "").slice(1);
      asked.push(path);
      const body = files.get(path);
      response.writeHead(body === undefined ? 404 : 200).end(body);
    },
  ).listen(0, "127.0.0.1");
  const proxy = createHttp((_, response) => response.writeHead(403).end());
  const open = new Set<Socket>();
  proxy.on("connect", ({ url = "" }, client: Socket) => {
    if (url !== `${host}:443`) return void client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const { port } = site.address() as AddressInfo;
    const upstream = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => {}).on("close", () => open.delete(socket));
    }
  });
  proxy.listen(0, "127.0.0.1");
  await Promise.all([site, proxy].map((server) => once(server, "listening")));
  return {
    asked,
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NO_PROXY: "localhost,127.0.0.1",
      NODE_EXTRA_CA_CERTS: tls.cert,
      NODE_USE_ENV_PROXY: "1", // npm 12 uses the fetch of Node
    },
    async trust(npmCache) {
      const folder = join(npmCache, "_tuf", host);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "root.json"), files.get("1.root.json") ?? "");
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      site.closeAllConnections();
      await Promise.all([site, proxy].map((server) => new Promise((done) => server.close(done))));
      await tls.remove();
    },
  };
}

/** The four roles of a TUF repository, all signed with one key. */
function repository(): ReadonlyMap<string, string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = {
    keytype: "ed25519",
    scheme: "ed25519",
    keyval: {
      public: publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex"),
    },
  };
  const keyid = createHash("sha256").update(canonical(key)).digest("hex");
  const signed = (role: string, content: object): string => {
    const part = {
      _type: role,
      spec_version: "1.0.31",
      version: 1,
      expires: new Date(Date.now() + 86_400_000).toISOString().replace(/\.\d+Z/, "Z"),
      ...content,
    };
    const sig = sign(null, Buffer.from(canonical(part)), privateKey).toString("hex");
    return JSON.stringify({ signed: part, signatures: [{ keyid, sig }] });
  };
  const role = { keyids: [keyid], threshold: 1 };
  const roles = { root: role, timestamp: role, snapshot: role, targets: role };
  return new Map([
    ["1.root.json", signed("root", { consistent_snapshot: false, keys: { [keyid]: key }, roles })],
    ["timestamp.json", signed("timestamp", { meta: { "snapshot.json": { version: 1 } } })],
    ["snapshot.json", signed("snapshot", { meta: { "targets.json": { version: 1 } } })],
    ["targets.json", signed("targets", { targets: {} })],
  ]);
}

/** Canonical JSON: keys in order, no blanks. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(",")}}`;
}
