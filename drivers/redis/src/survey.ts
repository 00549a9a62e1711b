import { randomBytes } from "node:crypto";
import { checkClock, StoreError, type Capabilities, type OpOptions } from "@citadel/core/driver";
import type { Location } from "./location.ts";
import type { Session } from "./session.ts";

export interface Survey {
  readonly durable: Capabilities["durable"];
  readonly appendonly: string;
}

/**
 * Whether this server can keep records, and how well. Asks CONFIG where that is allowed, else INFO, which does not
 * tell how often the server syncs. Throws UNSUPPORTED when it may throw records away, DENIED when the
 * clocks are far apart.
 */
export async function survey(
  session: Session,
  at: Location,
  store: string,
  options: OpOptions,
): Promise<Survey> {
  const config = async (name: string): Promise<string | undefined> => {
    try {
      const answer = await session.call(["CONFIG", "GET", name], options);
      return valueOf(answer);
    } catch (error) {
      // hosted servers have no CONFIG, or not for everybody
      const { message = "" } = ((error as Error).cause ?? {}) as Partial<Error>;
      if (/^(?:NOPERM|ERR unknown)/.test(message)) return undefined;
      throw error;
    }
  };
  const policy = (await config("maxmemory-policy")) ?? session.info.get("maxmemory_policy");
  if (policy !== "noeviction")
    throw new StoreError(
      "UNSUPPORTED",
      `Redis at ${at.label} has maxmemory-policy ${policy ?? "unknown"}: it would throw records away when its memory is full. ` +
        "Set `maxmemory-policy noeviction` in redis.conf (CONFIG SET maxmemory-policy noeviction), or use another server for caches",
    );
  const replica = session.info.get("role") === "slave";
  if (replica)
    throw new StoreError(
      "UNSUPPORTED",
      `Redis at ${at.label} is a replica: use the address of the primary`,
    );
  const [seconds] = (await session.call(["TIME"], options)) as [Buffer];
  checkClock(`Redis at ${at.label}`, Number(seconds.toString()) * 1000);
  await settle(session, at, store, options);
  const appendonly =
    (await config("appendonly")) ?? (session.info.get("aof_enabled") === "1" ? "yes" : "no");
  const fsync = appendonly === "yes" ? await config("appendfsync") : undefined;
  return {
    durable: appendonly !== "yes" ? "nothing" : fsync === "always" ? "power" : "process",
    appendonly: fsync === undefined ? appendonly : `${appendonly}, fsync ${fsync}`,
  };
}

const FORMAT = "1";

/** Finds the store as this version knows it, or founds it. Throws UNSUPPORTED. */
async function settle(
  session: Session,
  at: Location,
  store: string,
  options: OpOptions,
): Promise<void> {
  const [format, epoch] = (await session.call(["HMGET", store, "format", "epoch"], options)) as [
    Buffer | null,
    Buffer | null,
  ];
  if (format && format.toString() !== FORMAT)
    throw new StoreError(
      "UNSUPPORTED",
      `the store ${at.name} in Redis at ${at.label} was written by a newer version of Citadel (its format is ${format.toString()}, this one knows ${FORMAT})`,
    );
  // only what is missing: a full server refuses even a write that changes nothing
  if (!format) await session.call(["HSETNX", store, "format", FORMAT], options);
  if (!epoch)
    await session.call(["HSETNX", store, "epoch", randomBytes(8).toString("hex")], options);
}

/** CONFIG GET answers with a map, or with names and values in turn. */
function valueOf(answer: unknown): string | undefined {
  const values =
    answer instanceof Map
      ? [...answer.values()]
      : Array.isArray(answer)
        ? answer.slice(1)
        : Object.values(answer ?? {});
  return values[0] === undefined ? undefined : String(values[0]);
}
