import { readFile } from "node:fs/promises";
import { aborted, storeCode, type Key, type OpOptions } from "@citadel/core/driver";
import { failure, type Stage } from "./failure.ts";
import type { Location } from "./location.ts";
import type { Script } from "./scripts.ts";

export interface CallOptions extends OpOptions {
  /** of which object, for messages */
  readonly key?: Key;
  /** it changes something, so that a lost answer is UNKNOWN */
  readonly changes?: boolean;
}

export type Argument = string | Buffer;

/** One connection. It ends with the first sign that something is wrong, and never comes back. */
export interface Session {
  /** what the server says about itself: `redis_version`, `run_id`, `maxmemory_policy` … */
  readonly info: ReadonlyMap<string, string>;
  /** Strings in the answer are Buffers. Throws a StoreError; ABORTED, UNAVAILABLE and UNKNOWN as the contract says. */
  call(command: readonly Argument[], options?: CallOptions): Promise<unknown>;
  /** EVALSHA, and EVAL where the server does not know the script yet */
  script(
    script: Script,
    keys: readonly string[],
    args: readonly Argument[],
    options?: CallOptions,
  ): Promise<unknown>;
  end(): void;
}

/** Without any answer for so long, in ms, a connection on which somebody waits counts as dead. */
const SILENCE = 3000;

/** Connects, says who it is and asks the server about itself. `ended` is told once. Throws a StoreError. */
export async function connect(at: Location, ended: () => void): Promise<Session> {
  const redis = await import("@redis/client");
  const client = redis.createClient({
    socket: {
      host: at.host,
      port: at.port,
      connectTimeout: at.timeoutMs,
      reconnectStrategy: false,
      ...(at.tls && {
        tls: true as const,
        servername: at.host,
        ...(at.ca !== undefined && { ca: await readFile(at.ca) }),
      }),
    },
    ...(at.username !== undefined && { username: at.username }),
    ...(at.password !== undefined && { password: at.password }),
    database: at.database,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
  });
  const silence = Math.min(SILENCE, at.timeoutMs);
  let over = false;
  let waiting = 0;
  let heard = 0; // when the newest answer came, or waiting began
  let info: ReadonlyMap<string, string> = new Map();
  const end = (): void => {
    if (over) return;
    over = true;
    client.destroy();
    ended();
  };
  client.on("error", end);

  const unsent = [redis.AbortError, redis.ClientClosedError, redis.ClientOfflineError];
  const stageOf = (error: unknown): Stage => {
    if (error instanceof redis.ErrorReply) return "answered";
    return unsent.some((known) => error instanceof known) ? "unsent" : "sent";
  };

  const session: Session = {
    get info() {
      return info;
    },
    end,
    async call(command, { signal, timeoutMs = at.timeoutMs, key, changes = false } = {}) {
      if (signal?.aborted) throw aborted(signal, key);
      const late = Promise.withResolvers<never>();
      const withdraw = new AbortController();
      let reason: unknown;
      const give = (why: unknown) => {
        reason = why;
        withdraw.abort(); // the client rejects at once what it has not sent
        setImmediate(() => late.reject(why));
      };
      const abort = () => give(signal?.reason);
      const timer = setTimeout(() => give(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
      signal?.addEventListener("abort", abort, { once: true });
      if (waiting++ === 0) heard = performance.now();
      const answer = client
        .sendCommand(command, {
          abortSignal: withdraw.signal,
          typeMapping: { [redis.RESP_TYPES.BLOB_STRING]: Buffer },
        })
        .finally(() => {
          waiting--;
          heard = performance.now();
        });
      try {
        return await Promise.race([answer, late.promise]);
      } catch (error) {
        const stage = stageOf(error);
        if (signal?.aborted && (stage === "unsent" || !changes)) throw aborted(signal, key);
        if (stage === "sent" && performance.now() - heard >= silence) end();
        throw failure(reason ?? error, { stage, changes, label: at.label, ...(key && { key }) });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        answer.catch(() => {});
      }
    },
    async script({ sha, lua }, keys, args, options) {
      const rest = [String(keys.length), ...keys, ...args];
      try {
        return await session.call(["EVALSHA", sha, ...rest], options);
      } catch (error) {
        const { message = "" } = ((error as Error).cause ?? {}) as Partial<Error>;
        if (!message.startsWith("NOSCRIPT")) throw error;
        return session.call(["EVAL", lua, ...rest], options);
      }
    },
  };

  // the client's own limit is for the TCP connection only
  const timer = setTimeout(end, at.timeoutMs);
  try {
    await client.connect();
    const answer = await session.call(["INFO"]);
    info = new Map(
      [...String(answer).matchAll(/^([a-z_\d]+):(.*?)\r?$/gm)].map(([, a, b]) => [a!, b!]),
    );
    return session;
  } catch (error) {
    end();
    if (storeCode(error)) throw error;
    throw failure(error, { stage: stageOf(error), changes: false, label: at.label });
  } finally {
    clearTimeout(timer);
  }
}
