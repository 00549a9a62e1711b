import type { Hooks, Peer } from "crossws";
import type { Connection } from "../live/connection.ts";
import type { Accepted } from "../live/sockets.ts";

/** bytes of a message of a client */
export { longestMessage } from "../live/connection.ts";

/** What a request that is to be upgraded carries from the decision to the socket. */
interface Context {
  readonly accepted: Accepted;
  connection?: Connection;
}
const contextOf = (peer: Peer): Context => peer.context as unknown as Context;

/** The request as crossws takes it, with what was decided before. */
export const accepting = (request: Request, accepted: Accepted): Request =>
  Object.assign(request, { context: { accepted } });

/** Ties the sockets of a runtime to the live protocol; who may have one was decided before. */
export const hooks: Partial<Hooks> = {
  upgrade: (request) => {
    const { accepted } = (request as unknown as { readonly context: Context }).context;
    return { protocol: accepted.protocol };
  },
  open(peer) {
    const context = contextOf(peer);
    context.connection = context.accepted.open({
      send: (data) => void peer.send(data, { compress: false }),
      buffered: () => peer.bufferedAmount,
      ping: (data) => void peer.ping(data),
      close: (code, reason) => peer.close(code, reason),
      cut: () => peer.terminate(),
    });
  },
  message(peer, message) {
    const { rawData } = message;
    contextOf(peer).connection?.receive(
      typeof rawData === "string" ? rawData : message.uint8Array(),
    );
  },
  drain: (peer) => contextOf(peer).connection?.drained(),
  pong: (peer, data) => contextOf(peer).connection?.ponged(data),
  close: (peer) => contextOf(peer).connection?.ended(),
  // its end is heard of as well
  error() {},
};
