// G6: the proxies of the templates in front of two servers of one store.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../bench/servers.ts";
import { certificate } from "../servers/certificate.ts";
import { startCaddy, startNginx } from "../servers/proxies.ts";
import { citadel, root, serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { inUrl, pack, publishDocument, signIn, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";

const { parse } = createRequire(join(root, "src/package.json"))("yaml") as {
  parse(text: string): any;
};

async function write(name: string): Promise<string> {
  const folder = await tempFolder(`template-${name}`);
  onTestFinished(() => folder.remove());
  const at = join(folder.path, "out");
  const ran = await citadel(folder.path, ["template", name, "--out", at]);
  expect(ran.code, ran.output).toBe(0);
  return at;
}

type Asking = Pick<RequestOptions, "method" | "localAddress"> & { headers?: OutgoingHttpHeaders };

interface Site {
  readonly port: number;
  /** of the two servers behind it */
  readonly ports: readonly [string, string];
  /** paths of localhost's certificate and its key */
  readonly cert: string;
  readonly key: string;
}

/** What must hold for a proxy with TLS in front of two servers, whose file `start` adapts to this machine. */
async function holds(home: string, start: (site: Site) => Promise<void>): Promise<void> {
  const port = await freePort();
  const host = `localhost:${port}`;
  const env = { CITADEL_SERVER_PUBLIC_URL: `https://${host}/`, CITADEL_SERVER_TRUST_PROXY: "127.0.0.1", CITADEL_SERVER_SIGNUP: "open" }; // prettier-ignore
  const options = { home, env };
  const servers = [await serve(options), await serve(options)] as const;
  for (const server of servers) onTestFinished(() => server.stop());
  const { key, cert, remove } = await certificate();
  onTestFinished(() => remove());
  const [first, second] = servers.map(({ url }) => new URL(url).port) as [string, string];
  await start({ port, ports: [first, second], cert, key });
  const ca = await readFile(cert);
  const open = (path: string, { headers, ...more }: Asking = {}) => {
    const asked = httpsRequest({ host: "127.0.0.1", port, path, ca, servername: "localhost", headers: { host, ...headers }, agent: false, ...more }); // prettier-ignore
    asked.on("error", () => {});
    return asked;
  };
  const answerOf = async (asked: ReturnType<typeof open>) => {
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    return { status: answer.statusCode, text: await text(answer) };
  };
  const get = (path: string, more?: Asking) => answerOf(open(path, more).end());
  await until(async () => (await get("/-/ping").catch(() => undefined))?.status === 200);
  const token = await signIn(servers[0].url, "ada");
  const authorization = `Bearer ${token}`;
  const send = (manifest: Manifest, files: Record<string, Buffer> = {}) => {
    const document = publishDocument(`https://${host}`, manifest, pack(manifest, files, 0));
    const body = JSON.stringify(document);
    const headers = { authorization, "content-type": "application/json", "content-length": Buffer.byteLength(body) }; // prettier-ignore
    return answerOf(open(`/${inUrl(manifest.name)}`, { method: "PUT", headers }).end(body));
  };

  // bodies of several megabytes, and the address of a scoped name as it came
  const put = await send({ name: "@acme/one", version: "1.0.0" }, { big: randomBytes(6_000_000) });
  expect(put.status, put.text).toBeLessThan(300);
  const forged = { "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "evil.invalid", "x-forwarded-proto": "http", forwarded: "for=203.0.113.9" }; // prettier-ignore
  const got = await get("/@acme%2fone", { headers: forged });
  expect(got.status).toBe(200);
  expect(got.text).toContain(`https://${host}/@acme/one/-/`);
  expect(got.text).not.toContain("evil.invalid");
  expect((await get("/-/package/@acme%2fone/dist-tags")).status).toBe(200);
  // who asks is whom the proxy sees, whatever a client claims
  const whoami = async (from: string, ...cidr: string[]) => {
    const answer = await request(`${servers[0].url}/-/npm/v1/tokens`, { method: "POST", token, headers: { "content-type": "application/json" }, body: JSON.stringify({ password: "correct horse 1", readonly: true, cidr_whitelist: cidr }) }); // prettier-ignore
    const bound = `Bearer ${(answer.json() as { token: string }).token}`;
    return (await get("/-/whoami", { localAddress: from, headers: { ...forged, authorization: bound } })).status; // prettier-ignore
  };
  expect(await whoami("127.0.0.1", "203.0.113.0/24")).toBe(401);
  expect(await whoami("127.0.0.2", "203.0.113.0/24", "127.0.0.1")).toBe(401);
  expect(await whoami("127.0.0.2", "127.0.0.2")).toBe(200);

  // a body goes on as it comes: who may not publish is told so before all of it is sent
  const begun = open("/@acme%2fone", { method: "PUT", headers: { authorization: "Bearer npm_wrong", "content-type": "application/json", "content-length": 9_000_000 } }); // prettier-ignore
  begun.write("{".padEnd(200_000));
  expect((await answerOf(begun)).status).toBe(401);
  begun.destroy();

  // a WebSocket is opened, and speaks both ways
  const upgrade = { upgrade: "websocket", connection: "Upgrade", "sec-websocket-version": "13", "sec-websocket-protocol": "citadel.json.v1", "sec-websocket-key": randomBytes(16).toString("base64") }; // prettier-ignore
  const dialled = open("/_dashboard/ws", { headers: { authorization, ...upgrade } }).end();
  const [opened, socket] = (await once(dialled, "upgrade")) as [IncomingMessage, Duplex];
  expect(opened.statusCode).toBe(101);
  const message = JSON.stringify({ type: "heartbeat", seq: 1, time: 1, generation: 0 });
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | message.length, 0, 0, 0, 0]), Buffer.from(message)])); // prettier-ignore
  let heard = "";
  socket.on("data", (chunk: Buffer) => (heard += chunk.toString("latin1")));
  await until(async () => /"heartbeat","seq":1,"reply":true/.test(heard));
  socket.destroy();

  // one of the two is enough
  await servers[0].kill();
  for (let n = 0; n < 4; n++) expect((await get("/@acme%2fone")).status).toBe(200);
  expect((await send({ name: "@acme/one", version: "1.0.1" })).status).toBeLessThan(300);
}

test("G6: nginx: TLS, names, uploads, WebSockets and addresses pass, and one of two servers may die", async () => {
  const at = await write("nginx");
  const conf = await readFile(join(at, "citadel.conf"), "utf8");
  await holds(dirname(at), ({ port, ports, cert, key }) =>
    startNginx(
      conf
        .replace("listen 443", `listen 127.0.0.1:${port}`)
        .replace("npm.example.org;", "localhost;")
        .replace("/etc/ssl/certs/npm.example.org.pem", cert)
        .replace("/etc/ssl/private/npm.example.org.key", key)
        .replace("127.0.0.1:4873", `127.0.0.1:${ports[0]}`)
        .replace("127.0.0.1:4874", `127.0.0.1:${ports[1]}`),
    ),
  );
}, 60_000);

test("G6: Caddy: TLS, names, uploads, WebSockets and addresses pass, and one of two servers may die", async () => {
  const at = await write("caddy");
  const file = await readFile(join(at, "Caddyfile"), "utf8");
  await holds(dirname(at), ({ port, ports, cert, key }) =>
    startCaddy(
      file
        .replace("npm.example.org {", `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${cert} ${key}`) // prettier-ignore
        .replace("127.0.0.1:4873 127.0.0.1:4874", ports.map((each) => `127.0.0.1:${each}`).join(" ")), // prettier-ignore
    ),
  );
}, 60_000);

/** Every key of Traefik's files that may stand where it stands; `*` is a name of one's own. */
const traefikKeys = [
  ...["entryPoints.*.address", "entryPoints.*.forwardedHeaders.insecure", "entryPoints.*.http.encodedCharacters.allowEncodedSlash"], // prettier-ignore
  ...["readTimeout", "writeTimeout", "idleTimeout"].map((name) => `entryPoints.*.transport.respondingTimeouts.${name}`), // prettier-ignore
  "providers.file.filename",
  ...["rule", "entryPoints", "service", "tls"].map((name) => `http.routers.*.${name}`),
  ...["passHostHeader", "servers", "responseForwarding.flushInterval"].map((name) => `http.services.*.loadBalancer.${name}`), // prettier-ignore
  ...["path", "hostname", "interval", "timeout"].map((name) => `http.services.*.loadBalancer.healthCheck.${name}`), // prettier-ignore
  "tls.certificates",
];

/** Paths of everything in a document that is no object with keys. */
const paths = (value: unknown, at = ""): string[] =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([key, inner]) => paths(inner, at ? `${at}.${key}` : key))
    : [at]; // prettier-ignore

test("G6: Traefik: both files agree, with both servers, the name that clients ask for and its %2f", async () => {
  const at = await write("traefik");
  const [fixed, dynamic] = await Promise.all(
    ["traefik.yml", "citadel.yml"].map(async (name) =>
      parse(await readFile(join(at, name), "utf8")),
    ),
  );
  const known = traefikKeys.map((key) => new RegExp(`^${key.replaceAll(".", "\\.").replaceAll("*", "\\w+")}$`)); // prettier-ignore
  for (const path of [...paths(fixed), ...paths(dynamic)])
    expect(known.some((key) => key.test(path)), path).toBe(true); // prettier-ignore
  const { routers, services } = dynamic.http;
  for (const router of Object.values<any>(routers)) {
    for (const point of router.entryPoints) expect(fixed.entryPoints).toHaveProperty([point]);
    expect(services).toHaveProperty([router.service]);
    expect(router.rule).toBe("Host(`npm.example.org`)");
  }
  const { servers, passHostHeader, healthCheck } = services.citadel.loadBalancer;
  expect(servers).toEqual([4873, 4874].map((port) => ({ url: `http://127.0.0.1:${port}` })));
  expect(passHostHeader).toBe(true);
  expect(healthCheck).toMatchObject({ path: "/-/readyz", hostname: "npm.example.org" });
  for (const of of Object.values(healthCheck).slice(2)) expect(of).toMatch(/^\d+s$/);
  expect(Object.keys(dynamic.tls.certificates[0])).toEqual(["certFile", "keyFile"]);
  const { forwardedHeaders, http } = fixed.entryPoints.websecure;
  expect(forwardedHeaders).toEqual({ insecure: false });
  expect(http.encodedCharacters.allowEncodedSlash).toBe(true);
  expect(fixed.providers.file.filename).toMatch(/citadel\.yml$/);
});
