import { request as send, type Agent, type IncomingHttpHeaders } from "node:http";

export interface Answer {
  readonly status: number;
  /** what the server says for it */
  readonly phrase: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  text(): string;
  json(): unknown;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** a bearer token */
  readonly token?: string | undefined;
  readonly agent?: Agent;
}

/**
 * One plain HTTP request. Unlike `fetch` it sends the path as it is written: `/../x`, `%2e`, `\` and all.
 * @param url the base address and the path, joined
 */
export function request(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { host, port, path } = split(url);
  const headers: Record<string, string | number> = { ...options.headers };
  if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers["content-length"] ??= Buffer.byteLength(options.body);
  return new Promise((resolve, reject) => {
    const outgoing = send(
      { host, port, path, method: options.method ?? "GET", headers, agent: options.agent ?? false },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on("data", (part: Buffer) => parts.push(part));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const body = Buffer.concat(parts);
          resolve({
            status: incoming.statusCode ?? 0,
            phrase: incoming.statusMessage ?? "",
            headers: incoming.headers,
            body,
            text: () => body.toString(),
            json: () => JSON.parse(body.toString()) as unknown,
          });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(options.body);
  });
}

function split(url: string): { host: string; port: string; path: string } {
  const parts = /^http:\/\/(\[[^\]]+\]|[^/:]+)(?::(\d+))?(\/.*)?$/s.exec(url);
  if (!parts) throw new Error(`not an http address: ${url}`);
  return {
    host: (parts[1] ?? "").replace(/[[\]]/g, ""),
    port: parts[2] ?? "80",
    path: parts[3] ?? "/",
  };
}
