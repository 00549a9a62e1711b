/** What is said over the live protocol. Nothing here needs Node: pages and terminals read the same messages. */

/** What the messages are sent as: frames of bytes, or the same as JSON, one object for each message. */
export const subprotocols = { binary: "citadel.bin.v1", text: "citadel.json.v1" } as const;
export type Encoding = keyof typeof subprotocols;

/** begins the subprotocol that carries a ticket; a server never chooses it */
export const ticketPrefix = "citadel.ticket.";

export const frameTypes = {
  config_byte: 0x01,
  feature: 0x02,
  heartbeat: 0x03,
  error: 0x04,
  broadcast: 0x05,
  command: 0x06,
  subscribe: 0x07,
} as const;
export type FrameType = keyof typeof frameTypes;

/** In the order of their numbers, which are also the bits of a mask. */
export const topics = [
  "hello",
  "config",
  "metrics",
  "history",
  "alert",
  "package",
  "security",
  "notice",
  "terminal",
] as const;
export type Topic = (typeof topics)[number];

/** What a client hears that asked for nothing else. */
export const usualTopics: readonly Topic[] = ["hello", "config", "alert", "notice"];

export const liveErrors = {
  malformed: 1,
  unknownType: 2,
  badOffset: 3,
  badValue: 4,
  readOnly: 5,
  conflict: 6,
  unauthenticated: 7,
  forbidden: 8,
  rateLimited: 9,
  internal: 10,
  storage: 11,
  notNow: 12,
} as const;
export type LiveErrorCode = (typeof liveErrors)[keyof typeof liveErrors];

export const closeCodes = {
  normal: 1000,
  goingAway: 1001,
  textOnBinary: 1003,
  tooBig: 1009,
  restart: 1012,
  badFrame: 4400,
  sessionExpired: 4401,
  rightLost: 4403,
  noSubprotocol: 4406,
  silent: 4408,
  tooMany: 4429,
  draining: 4503,
  slow: 4509,
} as const;

export const featureOps = ["clear", "set", "flip"] as const;
export type FeatureOp = (typeof featureOps)[number];

/** What a client sends; `seq` is its own number for it, from 1. */
export type ClientMessage =
  | {
      readonly type: "config_byte";
      readonly seq: number;
      /** change it whatever stands there, also a byte of the hash */
      readonly force: boolean;
      readonly offset: number;
      readonly expect: number;
      readonly value: number;
    }
  | {
      readonly type: "feature";
      readonly seq: number;
      readonly bit: number;
      readonly op: FeatureOp;
    }
  | Heartbeat
  | {
      readonly type: "command";
      readonly seq: number;
      /** at most 1024 bytes */
      readonly line: string;
    }
  | { readonly type: "subscribe"; readonly seq: number; readonly topics: readonly Topic[] };

interface Heartbeat {
  readonly type: "heartbeat";
  readonly seq: number;
  /** ms since 1970 */
  readonly time: number;
  readonly generation: number;
}

/** `reply`: `seq` is that of the message it answers; else it is the server's own, one more for each. */
interface Numbered {
  readonly seq: number;
  readonly reply: boolean;
}

/** What a server sends. */
export type ServerMessage =
  | (Numbered & {
      readonly type: "config_byte";
      readonly offset: number;
      readonly old: number;
      readonly new: number;
      readonly generation: number;
    })
  | (Numbered & {
      readonly type: "feature";
      readonly bit: number;
      readonly state: boolean;
      /** all flags, u32 */
      readonly flags: number;
      readonly generation: number;
    })
  | (Heartbeat & { readonly reply: boolean })
  | (Numbered & {
      readonly type: "error";
      readonly code: number;
      /** type of the frame that it is about, 0 for none */
      readonly of: number;
      /** conflict: what stands there; rate limit: when to try again, in 100 ms */
      readonly detail: number;
      /** at most 512 bytes; more is cut */
      readonly text: string;
    })
  | Broadcast
  | (Numbered & { readonly type: "command"; readonly exit: number })
  | (Numbered & { readonly type: "subscribe"; readonly topics: readonly Topic[] });

export type Broadcast = {
  [T in Topic]: Numbered & {
    readonly type: "broadcast";
    readonly topic: T;
    readonly body: Bodies[T];
  };
}[Topic];

/** What is told on each topic. */
export interface Bodies {
  readonly hello: Hello;
  readonly config: ConfigSnapshot;
  readonly metrics: MetricsSample;
  /** oldest first, at most 255 */
  readonly history: readonly MetricsSample[];
  readonly alert: AlertBody;
  readonly package: PackageBody;
  readonly security: SecurityBody;
  readonly notice: { readonly text: string };
  readonly terminal: TerminalOutput;
}

export interface Hello {
  readonly protocol: string;
  /** of Citadel */
  readonly version: string;
  /** ms within which the server wants to hear of the client */
  readonly heartbeat: number;
  readonly limits: {
    /** bytes of a message of the client */
    readonly payload: number;
    /** of messages of the client */
    readonly perSecond: number;
    readonly burst: number;
  };
  readonly rights: readonly ("read" | "write" | "admin")[];
  /** that may be subscribed to */
  readonly topics: readonly Topic[];
}

export interface ConfigSnapshot {
  /** the thirteen bytes, hex */
  readonly bytes: string;
  readonly generation: number;
}

/** In the order in which they are sent; new ones come at the end. */
export const metricFields = [
  /** per cent of one core */
  "cpu",
  /** bytes, as the next two */
  "rss",
  "heapUsed",
  "heapTotal",
  /** utilisation of the event loop, 0 to 1 */
  "elu",
  /** ms that it is late */
  "lagP99",
  /** requests a second */
  "rps",
  "connections",
  /** a second, as the next one */
  "bytesOut",
  "bytesIn",
  "packages",
  /** a second, as the next one */
  "publishes",
  "downloads",
  /** 0 to 1 */
  "cacheHitRatio",
  /** messages of this protocol a second, both ways */
  "wsMessages",
  /** ms */
  "wsRtt",
] as const;
export type MetricField = (typeof metricFields)[number];

/** Numbers of 32 bits; null: not known. */
export type MetricsSample = {
  /** ms since 1970 */
  readonly time: number;
} & { readonly [F in MetricField]: number | null };

export interface AlertBody {
  readonly rule: string;
  readonly severity: string;
  readonly state: string;
  readonly description: string;
  readonly threshold: number;
  readonly value: number | null;
  /** ISO 8601 */
  readonly since: string;
}

export interface PackageBody {
  readonly name: string;
  /** what happened, such as `publish` */
  readonly event: string;
  /** the same for people */
  readonly text: string;
  readonly who: string;
  /** ISO 8601 */
  readonly time: string;
}

export interface SecurityBody {
  /** ISO 8601 */
  readonly time: string;
  readonly who: string;
  readonly address?: string;
  /** what happened, such as `user.create` */
  readonly event: string;
  /** of whom or what */
  readonly name: string;
  /** what happened, for people */
  readonly text: string;
}

export interface TerminalOutput {
  /** `seq` of the command */
  readonly command: number;
  readonly text: string;
}

/** Why something that was received is no message. */
export interface Problem {
  readonly code: LiveErrorCode;
  /** of the frame; undefined when it cannot be told */
  readonly seq: number | undefined;
  /** its type, 0 when that cannot be told */
  readonly of: number;
  readonly text: string;
}

export type Received<M> = { readonly message: M } | { readonly problem: Problem };
