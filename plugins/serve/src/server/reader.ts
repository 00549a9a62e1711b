import { randomBytes, timingSafeEqual } from "node:crypto";
import { CitadelError, type Citadel } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import type { Reader } from "@citadel/core/reader";
import { createApp } from "../app.ts";
import { errorAnswer } from "../http/errors.ts";
import { AskedRequest, createResponder, type Answer, type Asked } from "../http/exchange.ts";
import { startServer } from "./listen.ts";

/** ms that answers in flight have */
const grace = 2000;

/**
 * The registry on a free loopback port, for the one process that knows the token: it reads what the command line may read, and
 * changes nothing. Addresses in packuments are the same at every start, so that what was made of them can be compared.
 */
export default async function startReader(citadel: Citadel): Promise<Reader> {
  const token = randomBytes(32).toString("base64url");
  const expected = Buffer.from(`Bearer ${token}`);
  const { settings, accounts } = citadel;
  const app = createApp({
    citadel: {
      ...citadel,
      settings: { ...settings, server: { ...settings.server, publicUrl: base } },
      accounts: { ...accounts, byToken: async () => commandLine.principal },
    },
  });
  const toResponse = createResponder();
  const refuse = (asked: Asked) => {
    const shown = Buffer.from(asked.header("authorization") ?? "");
    const known = shown.length === expected.length && timingSafeEqual(shown, expected);
    if (known && (asked.method === "GET" || asked.method === "HEAD")) return undefined;
    return errorAnswer(readsOnly(), "-");
  };
  const server = await startServer({
    app: {
      clientOf: app.clientOf,
      install(asked) {
        const refused = refuse(asked);
        if (refused) return refused;
        const answer = app.install(asked);
        return answer && Promise.resolve(answer).then(unkept);
      },
      async fetch(request, peer = {}) {
        const refused = refuse(new AskedRequest(request, peer));
        return refused ? toResponse(refused) : app.fetch(request, peer);
      },
      upgrade: async (asked) => refuse(asked) ?? errorAnswer(readsOnly(), "-"),
    },
    hosts: ["127.0.0.1"],
    port: 0,
  });
  return {
    url: `http://127.0.0.1:${server.port}/`,
    base,
    token,
    close: () => server.stop(grace),
  };
}

const readsOnly = (): CitadelError =>
  new CitadelError("E_FORBIDDEN", "this registry answers one process, and only reads");

const base = "http://citadel.invalid/";

/** Packuments are kept by no client: the port, and with it their address, is another one the next time. */
function unkept(answer: Answer): Answer {
  const { headers } = answer;
  const at = headers.indexOf("cache-control");
  return headers[at + 1]?.includes("immutable")
    ? answer
    : { ...answer, headers: [...headers.toSpliced(at, 2), "cache-control", "no-store"] };
}
