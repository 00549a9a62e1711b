import { logger } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import {
  closeCodes,
  decodeClient,
  decodeClientText,
  encodeServer,
  encodeText,
  liveErrors,
  subprotocols,
  usualTopics,
  type Bodies,
  type ClientMessage,
  type Encoding,
  type Hello,
  type Problem,
  type Received,
  type ServerMessage,
  type Topic,
  type LiveErrorCode,
  frameTypes,
} from "@citadel/core/frames";
import type { Change, Live } from "@citadel/core/live";
import { actorOf } from "@citadel/core/registry";
import { rightsOf } from "../dashboard/session.ts";
import {
  answerTo,
  applyMessage,
  isReadOnly,
  newsOf,
  refusalOf,
  snapshotOf,
  type ConfigMessage,
  type Said,
} from "./config.ts";
import type { LiveCounts } from "./counts.ts";
import type { HubListener } from "./hub.ts";
import type { Identity } from "./identity.ts";
import { createOutbox, type Wire } from "./outbox.ts";
import { isLess, mayHear, namesOf, topicsOf } from "./rights.ts";
import { createRate } from "./rate.ts";
import { partsOf, reasons, typeOf } from "./words.ts";

/** bytes of a message of a client */
export const longestMessage = 4096;
/** ms between two heartbeats of a client */
const heartbeat = 15_000;
/** ms without a word after which a client is taken for gone */
const silence = 40_000;
/** ms between two pings */
const pinging = 30_000;
/** messages a second, and at once */
const perSecond = 20;
const burst = 40;
/** commands that wait for the one that runs */
const mostCommands = 16;

export interface ConnectionOptions {
  readonly wire: Wire;
  readonly encoding: Encoding;
  readonly identity: Identity;
  /** topics from the start, besides the usual ones */
  readonly topics: readonly Topic[];
  readonly live: Live;
  readonly version: string;
  readonly counts: LiveCounts;
  /** ms that the client has to wait, as its limits say (C2); 0: it may go on */
  readonly limited: () => number;
  readonly history: () => Bodies["history"];
  /** called when its client listens to something else than before */
  readonly turned: () => void;
  /** whether somebody changes things with a one-time code only, which a message has no place for */
  readonly needsCode: (caller: Caller) => Promise<boolean>;
  /** whether somebody may know of a package */
  readonly knows: (name: string, caller: Caller) => Promise<boolean>;
  /** Runs a line of the console. @returns its exit code */
  readonly runLine: (
    line: string,
    context: { who: Caller; write(text: string): void; signal: AbortSignal },
  ) => Promise<number>;
}

/** One socket, from its opening to its end. */
export interface Connection extends HubListener {
  readonly key: string;
  readonly encoding: Encoding;
  receive(data: string | Uint8Array): void;
  drained(): void;
  ponged(data: Uint8Array): void;
  /** It has ended, whoever ended it. */
  ended(): void;
  changed(change: Change): void;
  listens(topic: Topic): boolean;
  /** Looks once a second whether it is alive. */
  tick(now: number): void;
  /** Looks whether its client may still do what it might. */
  check(): Promise<void>;
  close(code: number): void;
  /** Ends it at once. */
  cut(): void;
}

export function openConnection(options: ConnectionOptions): Connection {
  const { wire, encoding, identity, live, counts, runLine } = options;
  const log = logger("live");
  const outbox = createOutbox(wire, (kind) => counts.dropped(kind as Topic));
  const rate = createRate(perSecond, burst);
  const ending = new AbortController();
  /** changes that this client has asked for, by whom they are made for */
  const asked = new Map<object, ConfigMessage>();
  let { caller } = identity;
  let rights = rightsOf(caller.principal);
  let topics = new Set([...usualTopics, ...options.topics]);
  let sequence = 0;
  let heard = Date.now();
  let pinged = heard;
  let over = false;
  let writes: Promise<unknown> = Promise.resolve();
  let commands: Promise<unknown> = Promise.resolve();
  let waitingCommands = 0;

  const send = (message: ServerMessage, kind?: Topic): void => {
    if (over) return;
    counts.moved("out", message.type);
    outbox.put(encoding === "binary" ? encodeServer(message) : encodeText(message), kind);
  };
  const tell = (said: Said, kind?: Topic): void => {
    sequence = (sequence + 1) >>> 0;
    send({ ...said, seq: sequence, reply: false } as ServerMessage, kind);
  };
  const reply = (seq: number, said: Said): void =>
    send({ ...said, seq, reply: true } as ServerMessage);
  const broadcast = <T extends Topic>(topic: T, body: Bodies[T], kind?: Topic): void =>
    tell({ type: "broadcast", topic, body } as unknown as Said, kind);
  const refuse = (
    seq: number | undefined,
    of: number,
    code: LiveErrorCode,
    text: string,
    detail = 0,
  ): void => {
    const said = { type: "error", code, of, detail, text } as const;
    if (seq === undefined) tell(said);
    else reply(seq, said);
  };
  const close = (code: number): void => {
    if (over) return;
    outbox.flush();
    end();
    wire.close(code, reasons.get(code) ?? "");
  };
  const end = (): void => {
    over = true;
    ending.abort();
  };

  const greet = (): void =>
    broadcast("hello", {
      protocol: subprotocols[encoding],
      version: options.version,
      heartbeat,
      limits: { payload: longestMessage, perSecond, burst },
      rights: namesOf(rights),
      topics: topicsOf(rights),
    } satisfies Hello);
  const snapshots = (): void => {
    if (topics.has("config")) broadcast("config", snapshotOf(live));
    if (topics.has("history")) broadcast("history", options.history());
  };

  /** @returns who it is by now, undefined when the socket has been closed for it */
  const look = async (): Promise<Caller | undefined> => {
    const now = await identity.again();
    const before = rights;
    if (now) {
      caller = now;
      rights = rightsOf(now.principal);
    }
    if (!now) close(closeCodes.sessionExpired);
    else if (isLess(rights, before)) close(closeCodes.rightLost);
    else if (isLess(before, rights)) greet();
    return over ? undefined : caller;
  };
  /** Does what only administrators may, as far as they are one at this moment. */
  const asAdmin = async (
    { seq, type }: ClientMessage,
    work: (who: Caller) => Promise<void>,
  ): Promise<void> => {
    try {
      if (!rights.admin)
        return refuse(seq, frameTypes[type], liveErrors.forbidden, "this is for administrators");
      const who = await look();
      if (who) await work(who);
    } catch (error) {
      const id = crypto.randomUUID();
      log(`${type} failed`, { id, error });
      refuse(seq, frameTypes[type], liveErrors.internal, id);
    }
  };

  const change = (message: ConfigMessage): Promise<void> =>
    asAdmin(message, async (who) => {
      const of = frameTypes[message.type];
      if (isReadOnly(message))
        return refuse(message.seq, of, liveErrors.readOnly, "this byte is not to be written");
      if (await options.needsCode(who))
        return refuse(message.seq, of, liveErrors.forbidden, "this needs a one-time code: over HTTP"); // prettier-ignore
      const by = actorOf(who);
      asked.set(by, message);
      counts.bySocket.add(by);
      try {
        const made = await applyMessage(live, message, by);
        // what stood there already is no change, and nobody has told of it
        if (asked.has(by)) reply(message.seq, answerTo(message, made, live));
      } catch (error) {
        const refusal = refusalOf(error, live, message);
        if (!refusal) throw error;
        refuse(message.seq, of, refusal.code, refusal.text, refusal.detail);
      } finally {
        asked.delete(by);
      }
    });

  const command = ({ seq, line }: Extract<ClientMessage, { type: "command" }>) =>
    asAdmin({ type: "command", seq, line }, async (who) => {
      const write = (text: string): void => {
        for (const part of partsOf(text)) broadcast("terminal", { command: seq, text: part });
      };
      const exit = await runLine(line, { who, write, signal: ending.signal });
      reply(seq, { type: "command", exit: exit & 0xff });
    });

  const handle = (message: ClientMessage): void => {
    switch (message.type) {
      case "heartbeat":
        return reply(message.seq, {
          ...{ type: "heartbeat", time: message.time, generation: live.generation() },
        });
      case "subscribe":
        topics = new Set(message.topics.filter((topic) => mayHear(rights, topic)));
        options.turned();
        reply(message.seq, { type: "subscribe", topics: [...topics] });
        return snapshots();
      case "command":
        if (waitingCommands >= mostCommands)
          return refuse(message.seq, frameTypes.command, liveErrors.notNow, "too many commands wait"); // prettier-ignore
        waitingCommands++;
        commands = commands.then(() => command(message)).finally(() => waitingCommands--);
        return;
      default:
        writes = writes.then(() => change(message));
    }
  };
  const complain = ({ code, seq, of, text }: Problem): void => {
    refuse(seq, of, code, text);
    if (code === liveErrors.malformed) close(closeCodes.badFrame);
  };
  /** Whether one more message may be; where not, that is said. */
  const admits = (received: Received<ClientMessage>): boolean => {
    const { seq, of } =
      "problem" in received
        ? received.problem
        : { seq: received.message.seq, of: frameTypes[received.message.type] };
    // those are few, and keep a client from being taken for gone
    const wait = rate.take() || (of === frameTypes.heartbeat ? 0 : options.limited());
    if (wait === 0) return true;
    if (rate.isHopeless()) close(closeCodes.tooMany);
    else refuse(seq, of, liveErrors.rateLimited, "too many messages", Math.min(255, Math.ceil(wait / 100))); // prettier-ignore
    return false;
  };

  greet();
  snapshots();

  return {
    key: identity.key,
    encoding,
    receive(data) {
      if (over) return;
      heard = Date.now();
      const text = typeof data === "string";
      if (text !== (encoding === "text")) return close(closeCodes.textOnBinary);
      for (const received of text ? [decodeClientText(data)] : decodeClient(data)) {
        counts.moved("in", typeOf(received));
        if (over) return;
        if (!admits(received)) continue;
        if ("message" in received) handle(received.message);
        else complain(received.problem);
      }
    },
    drained: () => outbox.flush(),
    ponged(data) {
      const at = Number(Buffer.from(data).toString());
      const ms = performance.now() - at;
      // anybody may send a pong with anything in it
      if (ms >= 0 && ms < pinging) counts.answered(ms);
    },
    ended: end,
    hear(topic, body) {
      if (over || !topics.has(topic) || !mayHear(rights, topic)) return;
      if (topic !== "package")
        return broadcast(topic, body, topic === "metrics" ? topic : undefined);
      options.knows((body as Bodies["package"]).name, caller).then(
        (known) => known && broadcast(topic, body),
        (error: unknown) => log("an event is not told", { error }),
      );
    },
    changed(made) {
      const message = made.by && asked.get(made.by);
      if (message && made.by) {
        asked.delete(made.by);
        reply(message.seq, answerTo(message, made, live));
      } else if (topics.has("config")) tell(newsOf(made, live));
    },
    listens: (topic) => !over && topics.has(topic),
    tick(now) {
      if (over) return;
      if (outbox.isSlow()) {
        close(closeCodes.slow);
        // it will not read the close either
        return wire.cut();
      }
      if (now - heard > silence) return close(closeCodes.silent);
      if (now - pinged < pinging) return;
      pinged = now;
      wire.ping(Buffer.from(String(performance.now())));
    },
    async check() {
      if (over) return;
      await look().catch((error: unknown) => log("a session could not be looked at", { error }));
    },
    close,
    cut: () => wire.cut(),
  };
}
