import { CitadelError } from "@citadel/core";
import { closeCodes, subprotocols, type Encoding, type Topic } from "@citadel/core/frames";
import { needsCode } from "../auth/second-factor.ts";
import { runLine } from "../console/index.ts";
import type { Shared } from "../context.ts";
import { rightsOf } from "../dashboard/session.ts";
import type { Asked } from "../http/exchange.ts";
import { ownVersion } from "../version.ts";
import { openConnection, type Connection } from "./connection.ts";
import { createEvents } from "./events.ts";
import { identify } from "./identity.ts";
import type { Wire } from "./outbox.ts";

/** ms between two looks at all sockets, and at whether their clients may still do what they might */
const ticking = 1000;
const checking = 5000;
/** ms that clients have to answer a close */
const leaving = 1000;

/** An upgrade that is accepted. */
export interface Accepted {
  /** the subprotocol that was chosen */
  readonly protocol: string;
  open(wire: Wire): Connection;
}

export interface Sockets {
  /**
   * Decides over an upgrade of an endpoint.
   * @param path without the prefix of the public URL
   * @param limited ms that the client has to wait before its next message, as its limits say
   * @throws E_AUTH_REQUIRED, E_FORBIDDEN, E_CROSS_ORIGIN, E_UPGRADE_REQUIRED, E_RATE_LIMIT
   */
  accept(asked: Asked, path: string, limited: () => number): Promise<Accepted>;
  /** Ends all of them: with 1012, so that clients come back to whoever is there then. */
  stop(): Promise<void>;
}

/** What may be upgraded, and what is heard there from the start. */
const endpoints: ReadonlyMap<string, readonly Topic[]> = new Map([
  ["/_dashboard/ws", []],
  ["/_dashboard/terminal", ["terminal"]],
]);

export async function createSockets(shared: Shared): Promise<Sockets> {
  const { citadel, guard, hub, monitor, figures } = shared;
  const { live: limits, console: settings } = citadel.settings;
  const [live, version] = await Promise.all([citadel.live(), ownVersion()]);
  const { counts } = monitor;
  const open = new Set<Connection>();
  const events = createEvents(citadel, hub);
  const turned = (): void =>
    events.follow((topic) => Array.from(open).some((connection) => connection.listens(topic)));
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let checked = 0;

  const tick = (): void => {
    const now = Date.now();
    for (const connection of open) connection.tick(now);
    if (now - checked < checking) return;
    checked = now;
    for (const connection of open) void connection.check();
  };
  const unwatch = live.watch((change) => {
    for (const connection of open) connection.changed(change);
    if (live.isOn("BINARY_PROTOCOL")) return;
    for (const connection of open)
      if (connection.encoding === "binary") connection.close(closeCodes.noSubprotocol);
  });
  const demandRoom = (key: string): void => {
    const mine = Array.from(open).filter((connection) => connection.key === key).length;
    if (open.size < limits.connections && mine < limits.connectionsPerSession) return;
    throw new CitadelError("E_RATE_LIMIT", "there are too many connections; close some", {
      retryAfter: 5,
    });
  };

  return {
    async accept(asked, path, limited) {
      const topics = endpoints.get(path);
      if (!topics) throw new CitadelError("E_NOT_FOUND", "there is nothing at this address");
      guard.sameOrigin(asked, guard.site(asked));
      const offered = (asked.header("sec-websocket-protocol") ?? "").split(",").map((one) => one.trim()); // prettier-ignore
      const identity = await identify(shared, asked, offered);
      const { principal } = identity.caller;
      const { read, admin } = rightsOf(principal);
      if (!read || principal.kind === "job" || (topics.includes("terminal") && !admin))
        throw new CitadelError("E_FORBIDDEN", "this credential may not listen here");
      const encoding = chosen(offered, live.isOn("BINARY_PROTOCOL"));
      if (encoding === undefined)
        throw new CitadelError(
          "E_UPGRADE_REQUIRED",
          "no subprotocol was offered that is spoken here",
        );
      demandRoom(identity.key);
      return {
        protocol: subprotocols[encoding],
        open(wire) {
          const connection = openConnection({
            ...{ wire, encoding, identity, topics, live, version, counts, limited },
            ...{ history: () => monitor.history(), turned },
            knows: async (name, caller) =>
              (await citadel.registry.known(name, caller)) !== undefined,
            needsCode: ({ principal: each }) => needsCode(citadel.accounts, each, true),
            runLine: (line, context) =>
              runLine(line, {
                ...{ citadel, server: { monitor, figures }, folders: settings.folders },
                ...context,
              }),
          });
          const leave = hub.join(connection);
          const { ended } = connection;
          open.add(connection);
          turned();
          counts.connections = open.size;
          timer ??= setInterval(tick, ticking).unref();
          if (stopping) {
            connection.close(closeCodes.draining);
            setTimeout(() => connection.cut(), leaving).unref();
          }
          return {
            ...connection,
            ended() {
              ended();
              leave();
              open.delete(connection);
              counts.connections = open.size;
              turned();
            },
          };
        },
      };
    },

    async stop() {
      stopping = true;
      unwatch();
      hub.publish("notice", { text: "the server stops, or starts anew" });
      for (const connection of open) connection.close(closeCodes.restart);
      const late = Date.now() + leaving;
      while (open.size > 0 && Date.now() < late)
        await new Promise((resolve) => setTimeout(resolve, 10));
      for (const connection of open) connection.cut();
      clearInterval(timer);
    },
  };
}

/** The first that the client names and that is spoken here. */
function chosen(offered: readonly string[], binary: boolean): Encoding | undefined {
  const spoken = (["binary", "text"] as const).filter((each) => binary || each === "text");
  return offered.flatMap((name) => spoken.find((each) => subprotocols[each] === name) ?? [])[0];
}
