import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

import { until } from "./until.ts";

export interface Delivery {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** the body, parsed */
  readonly json: any;
}

/** What it answers: a status with fields, or never. */
export type Reaction =
  | number
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | "silence";

/** Somebody on loopback who is called by hooks. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly got: readonly Delivery[];
  /** `package:publish one` of each call */
  readonly said: readonly string[];
  /** called for each delivery with its number, from 1 @default 200 */
  react(reaction: (n: number, delivery: Delivery) => Reaction): void;
  /** waits for so many calls */
  count(wanted: number): Promise<void>;
}

export async function receiver(): Promise<Receiver> {
  const got: Delivery[] = [];
  let reaction: (n: number, delivery: Delivery) => Reaction = () => 200;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString();
      const json = body === "" ? undefined : JSON.parse(body);
      const delivery = { path: request.url ?? "", headers: request.headers, body, json };
      got.push(delivery);
      const answer = reaction(got.length, delivery);
      if (answer === "silence") return;
      if (typeof answer === "number") response.writeHead(answer).end();
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    got,
    get said() {
      return got.map(({ json }) => `${json.event} ${json.name}`);
    },
    react: (to) => void (reaction = to),
    count: (wanted) => until(async () => got.length >= wanted, 200),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
