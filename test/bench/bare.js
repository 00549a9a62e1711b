// The yardstick: the same ready bytes with the same headers, and nothing else. Use: node bare.js <files.json> <port>
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [data, port] = process.argv.slice(2);
const files = new Map();
for (const { path, accept, headers, body } of JSON.parse(readFileSync(data, "utf8")))
  files.set(path + accept, { etag: headers.etag, headers, body: Buffer.from(body, "base64") });
const pong = { headers: { "content-type": "application/json" }, body: Buffer.from("{}") };
files.set("/-/ping", pong);

createServer((request, response) => {
  const { accept, "if-none-match": tag } = request.headers;
  const form = accept?.includes("install-v1") ? "short" : "";
  const file = files.get(request.url + form) ?? files.get(request.url);
  if (tag !== undefined && tag === file.etag) response.writeHead(304, { etag: tag }).end();
  else response.writeHead(200, file.headers).end(file.body);
}).listen(Number(port), "127.0.0.1");
