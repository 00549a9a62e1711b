import {
  checkClock,
  checkKey,
  checkList,
  checkRead,
  checkSignal,
  gate,
  type DriverFactory,
  type OpOptions,
} from "@citadel/core/driver";
import { capabilities, requests, type Context } from "./context.ts";
import { watch } from "./feed.ts";
import { location } from "./location.ts";
import { passing, probe } from "./probe.ts";
import { reads, type Reads } from "./reads.ts";
import { connect, type Service } from "./service.ts";
import { sweep } from "./sweep.ts";
import { writes, type Writes } from "./writes.ts";

const DAY = 24 * 60 * 60 * 1000;
const TRIES = 3;

interface Session extends Context {
  readonly reads: Reads;
  readonly writes: Writes;
}

/** A bucket of S3, or of what speaks its protocol, as a store for any number of servers. URL and options: README.md. */
const s3: DriverFactory = (url) => {
  const at = location(url);
  let session: Session | undefined;
  let caps = capabilities(undefined, at);

  const life = gate({
    async open(options) {
      const service = await connect(at);
      try {
        await arrive(service, options);
        const verdict = await tried(service, options);
        caps = capabilities(verdict, at);
        const context = { at, service, verdict, caps, life, request };
        const reading = reads(context);
        session = { ...context, reads: reading, writes: writes(context, reading) };
      } catch (error) {
        destroy(service);
        throw error;
      }
    },
    close() {
      if (session) destroy(session.service);
      session = undefined;
    },
  });
  const request = requests(at, life);

  /** Finds out whether there is such a bucket, for somebody like us, at this time of day. */
  const arrive = async ({ sdk, patient }: Service, options?: OpOptions): Promise<void> => {
    const query = { Bucket: at.bucket, Prefix: at.prefix, MaxKeys: 1 };
    await request("none", undefined, options, (sending) =>
      patient.send(new sdk.ListObjectsV2Command(query), sending),
    );
    // the SDK signs with the server's time then, but entries would expire by ours
    checkClock(at.label, Date.now() + patient.config.systemClockOffset);
  };

  /** The verdict; a server that fails on the way gets another chance. */
  const tried = async (service: Service, options?: OpOptions) => {
    for (let n = 1; ; n++)
      try {
        return await request("none", undefined, options, (sending) => probe(service, at, sending));
      } catch (error) {
        if (n === TRIES || options?.signal?.aborted || !passing(error)) throw error;
      }
  };

  const opened = (): Session => {
    life.check();
    return session as Session;
  };

  return {
    api: 1,
    name: "s3",
    get caps() {
      return caps;
    },
    open: (options) => life.open(options),
    close: () => life.close(),
    async health(options) {
      const start = performance.now();
      const answer = (ok: boolean, detail: Record<string, string | number | boolean>) => ({
        ok,
        latencyMs: performance.now() - start,
        detail,
      });
      try {
        const { service, verdict } = opened();
        const { sdk, patient } = service;
        await request("none", undefined, options, (sending) =>
          patient.send(new sdk.HeadBucketCommand({ Bucket: at.bucket }), sending),
        );
        const { puts, tags, deletes, completes, trailers } = verdict;
        const place = { bucket: at.bucket, ...(at.endpoint && { endpoint: at.endpoint }) };
        return answer(true, { ...place, conditions: puts, tags, deletes, completes, trailers });
      } catch (error) {
        return answer(false, { error: (error as Error).message });
      }
    },

    async get(key, options) {
      const { reads } = opened();
      checkKey(key);
      checkSignal(options, key);
      return life.track(reads.get(key, options));
    },
    async head(key, options) {
      const { reads } = opened();
      checkKey(key);
      checkSignal(options, key);
      return life.track(reads.head(key, options));
    },
    async put(key, body, options = {}) {
      return life.track(opened().writes.put(key, body, options));
    },
    async delete(key, options = {}) {
      await life.track(opened().writes.delete(key, options));
    },
    async list(options = {}) {
      const { reads } = opened();
      return life.track(reads.list({ ...options, ...checkList(options) }));
    },
    async read(key, options = {}) {
      const { reads, caps } = opened();
      checkRead(key, options, caps);
      return life.track(reads.read(key, options));
    },
    async write(key, source, options = {}) {
      return life.track(opened().writes.write(key, source, options));
    },

    watch({ prefix, signal }) {
      const { reads } = opened();
      const signals = [signal, life.signal];
      return watch(reads, at.poll, { ...(prefix !== undefined && { prefix }), signals });
    },
    async sweep({ olderThanMs = DAY, ...options } = {}) {
      const { service, caps, writes } = opened();
      checkSignal(options);
      const { timeoutMs, signal } = options;
      const until = performance.now() + (timeoutMs ?? Infinity);
      const limits = (): OpOptions => ({
        ...(signal && { signal }),
        ...(timeoutMs !== undefined && { timeoutMs: until - performance.now() }),
      });
      const hooks = {
        active: writes.active,
        ask: <T>(send: Parameters<typeof request<T>>[3]) =>
          request("none", undefined, limits(), send),
        expire: caps.ttl === "none" ? undefined : (key: string) => writes.expire(key, limits()),
      };
      // the times are the server's, and whole seconds
      const before = Date.now() - olderThanMs + (olderThanMs === 0 ? 1000 : 0);
      return { removed: await life.track(sweep(service, at, before, hooks)) };
    },
  };
};
export default s3;

function destroy({ patient, once }: Service): void {
  patient.destroy();
  once.destroy();
}
