// No module of Node: pages use this too.
import {
  closeCodes,
  decodeServer,
  decodeServerText,
  encodeClient,
  encodeText,
  subprotocols,
  ticketPrefix,
  usualTopics,
  type Broadcast,
  type ClientMessage,
  type Encoding,
  type ServerMessage,
  type Topic,
} from "./frames/index.ts";

/** ms between two heartbeats, and that an answer may take */
const beat = 15_000;
const patience = 10_000;
/** ms before the first try to come back, and at most */
const soonest = 500;
const latest = 30_000;

/** `waiting`: for the next try; `ended`: there is none */
export type LiveState = "connecting" | "open" | "waiting" | "ended";

type WithoutSeq<T> = T extends ClientMessage ? Omit<T, "seq"> : never;
export type LiveRequest = WithoutSeq<Exclude<ClientMessage, { type: "heartbeat" | "subscribe" }>>;
export type LiveReply = Exclude<ServerMessage, { type: "broadcast" | "error" }>;

export interface LiveClientOptions {
  /** `http://…/_dashboard/ws`, or the same with `ws:` */
  readonly url: string | URL;
  /** shown at the upgrade, where the runtime can: pages cannot, and have their cookie or a ticket */
  readonly token?: string;
  /** Fetches a ticket before each opening. */
  readonly ticket?: () => Promise<string>;
  /** what to listen to from the start @default the usual ones */
  readonly topics?: readonly Topic[];
  /** in the order in which they are preferred @default bytes, then text */
  readonly encodings?: readonly Encoding[];
  /** Hears of each change of the state. @param code of the close, where one came before */
  readonly onState?: (state: LiveState, code?: number) => void;
  /** Hears everything that is told and is no answer: after each opening first hello and a snapshot, which is the truth. */
  readonly onNews: (news: Broadcast | Extract<ServerMessage, { type: "config_byte" | "feature" }>) => void; // prettier-ignore
  /** 0 to 1, for tests @default `Math.random` */
  readonly random?: () => number;
}

export interface LiveClient {
  readonly state: () => LiveState;
  /**
   * Sends something and waits for its answer.
   * @throws {@link LiveError} for a refusal, and when the connection ends before the answer: nothing is sent again
   */
  request(request: LiveRequest): Promise<LiveReply>;
  /** From now on, also after the connection was lost. */
  listen(topics: readonly Topic[]): void;
  /** Tries at once, where it waits. */
  retry(): void;
  close(): void;
}

/** Why a request got no answer. */
export class LiveError extends Error {
  override readonly name = "LiveError";
  /** of the protocol; 0: the connection ended */
  readonly code: number;
  readonly detail: number;

  constructor(message: string, code = 0, detail = 0) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

interface Waiting {
  resolve(reply: LiveReply): void;
  reject(error: LiveError): void;
}

/** Listens to a registry, and comes back when the connection is lost. */
export function connectLive(options: LiveClientOptions): LiveClient {
  const { onNews, onState, random = Math.random, encodings = ["binary", "text"] } = options;
  const waiting = new Map<number, Waiting>();
  let topics = options.topics;
  let state: LiveState = "connecting";
  let socket: WebSocket | undefined;
  let sequence = 0;
  /** number of the last thing that was told */
  let told: number | undefined;
  let generation = 0;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const turn = (next: LiveState, code?: number): void => {
    state = next;
    onState?.(next, code);
  };
  const send = (message: ClientMessage): void => {
    if (socket?.readyState !== 1) throw new LiveError("there is no connection");
    const binary = socket.protocol === subprotocols.binary;
    // the type of a socket wants bytes that are not shared between threads, which these are not
    socket.send(binary ? (encodeClient(message) as Uint8Array<ArrayBuffer>) : encodeText(message));
  };
  const next = (): number => (sequence = (sequence % 0xffffffff) + 1);

  const subscribe = (): void => {
    if (socket?.readyState !== 1) return;
    send({ type: "subscribe", seq: next(), topics: topics ?? usualTopics });
  };

  /** Beats until the answer to a beat is missing. */
  const live = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      try {
        send({ type: "heartbeat", seq: next(), time: Date.now(), generation });
      } catch {
        return; // its end is on the way
      }
      timer = setTimeout(lost, patience);
    }, beat);
  };

  const receive = (message: ServerMessage): void => {
    if ("generation" in message) ({ generation } = message);
    if (message.type === "heartbeat") return live();
    if (message.reply || message.type === "error") {
      const asked = waiting.get(message.seq);
      waiting.delete(message.seq);
      if (message.type === "error")
        asked?.reject(new LiveError(message.text, message.code, message.detail));
      else if (message.type !== "broadcast") asked?.resolve(message);
      return;
    }
    // something was dropped on the way: what counts is in the snapshots that follow
    if (told !== undefined && message.seq !== (told + 1) >>> 0) subscribe();
    told = message.seq;
    if (message.type === "broadcast") {
      if (message.topic === "hello") failures = 0;
      if (message.topic === "config") ({ generation } = message.body);
      onNews(message);
    } else if (message.type === "config_byte" || message.type === "feature") onNews(message);
  };

  const gone = (code?: number): void => {
    clearTimeout(timer);
    socket = undefined;
    for (const { reject } of waiting.values()) reject(new LiveError("the connection ended"));
    waiting.clear();
    if (state === "ended") return;
    if (code !== undefined && final.has(code)) return turn("ended", code);
    const longest = Math.min(latest, soonest * 2 ** failures++);
    timer = setTimeout(open, longest * random());
    turn("waiting", code);
  };
  /** Nothing comes any more: whoever waits for a socket to notice waits for minutes. */
  const lost = (): void => {
    const left = socket;
    socket = undefined;
    left?.close();
    gone();
  };

  const open = (): void => {
    turn("connecting");
    void connect().catch(() => gone());
  };
  const connect = async (): Promise<void> => {
    const ticket = await options.ticket?.();
    if (state !== "connecting") return;
    const protocols = encodings.map((each) => subprotocols[each] as string);
    if (ticket !== undefined) protocols.push(`${ticketPrefix}${ticket}`);
    const made = openSocket(options.url, protocols, options.token);
    made.binaryType = "arraybuffer";
    told = undefined;
    socket = made;
    timer = setTimeout(lost, patience);
    made.onopen = () => {
      if (made !== socket) return;
      turn("open");
      if (topics) subscribe();
      live();
    };
    made.onmessage = ({ data }: { readonly data: unknown }) => {
      if (made !== socket) return;
      const all =
        typeof data === "string"
          ? [decodeServerText(data)]
          : decodeServer(new Uint8Array(data as ArrayBuffer));
      // what this version does not know it passes over
      for (const each of all) if ("message" in each) receive(each.message);
    };
    made.onclose = ({ code }: { readonly code: number }) => {
      if (made === socket) gone(code);
    };
    made.onerror = () => {}; // a close follows
  };

  open();
  return {
    state: () => state,
    async request(request) {
      const seq = next();
      return new Promise((resolve, reject) => {
        send({ ...request, seq } as ClientMessage);
        waiting.set(seq, { resolve, reject });
      });
    },
    listen(wanted) {
      topics = wanted;
      subscribe();
    },
    retry() {
      if (state !== "waiting") return;
      clearTimeout(timer);
      open();
    },
    close() {
      if (state === "ended") return;
      turn("ended");
      const left = socket;
      gone();
      left?.close(closeCodes.normal);
    },
  };
}

/** Closes after which it is no use to come back. */
const final: ReadonlySet<number> = new Set([closeCodes.sessionExpired, closeCodes.rightLost]);

function openSocket(
  url: string | URL,
  protocols: readonly string[],
  token: string | undefined,
): WebSocket {
  const address = new URL(url);
  address.protocol = address.protocol.replace("http", "ws");
  if (token === undefined) return new WebSocket(address, [...protocols]);
  const init = { protocols: [...protocols], headers: { authorization: `Bearer ${token}` } };
  // runtimes without pages take headers as well
  return new WebSocket(address, init as unknown as string[]);
}
