import { createHash, randomBytes } from "node:crypto";
import { storeCode, type Driver, type ETag } from "@citadel/core/driver";

/** How long operations of one kind took. */
export interface Speed {
  readonly operation: string;
  readonly count: number;
  /** ms */
  readonly p50: number;
  readonly p99: number;
  /** for objects large enough to tell */
  readonly bytesPerSecond?: number;
}

const most = 200;
const longest = 500;
const MiB = 2 ** 20;

/** Times the operations that a registry lives on, one after another, each at most 200 times or half a second. */
export async function measure(driver: Driver, signal: AbortSignal): Promise<Speed[]> {
  const body = randomBytes(2000);
  const speeds: Speed[] = [];
  const time = async (
    operation: string,
    work: (n: number) => Promise<unknown>,
    bytes?: number,
  ): Promise<void> => {
    const took: number[] = [];
    const end = performance.now() + longest;
    while (took.length < most && (took.length === 0 || performance.now() < end)) {
      signal.throwIfAborted();
      const started = performance.now();
      await work(took.length);
      took.push(performance.now() - started);
    }
    took.sort((a, b) => a - b);
    const at = (part: number): number => round(took[Math.ceil(part * took.length) - 1] as number);
    const rate = bytes && Math.round((1000 * bytes) / Math.max(at(0.5), 0.001));
    speeds.push({
      operation,
      count: took.length,
      p50: at(0.5),
      p99: at(0.99),
      ...(rate === undefined ? {} : { bytesPerSecond: rate }),
    });
  };

  await time("put", (n) => driver.put(`d/${n % 50}`, body));
  await time("get", (n) => driver.get(`d/${n % 50}`));
  await time("head", (n) => driver.head(`d/${n % 50}`));
  if (driver.caps.cas === "full" || driver.caps.cas === "process") {
    let etag: ETag = (await driver.put("d/cas", body)).etag;
    await time("compare-and-set", async (n) => {
      etag = (await driver.put("d/cas", Buffer.from(`${n}`), { ifMatch: etag })).etag;
    });
  }

  const blob = randomBytes(Math.min(8 * MiB, driver.caps.maxObject));
  const hex = createHash("sha512").update(blob).digest("hex");
  const key = `b/sha512/${hex.slice(0, 2)}/${hex}`;
  const label = `blob of ${Math.round(blob.length / MiB)} MiB`;
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < blob.length; at += 64 * 1024) yield blob.subarray(at, at + 64 * 1024);
  };
  try {
    await time(`write a ${label}`, () => driver.write(key, chunks(), { size: blob.length }), blob.length); // prettier-ignore
  } catch (error) {
    // some stores take no large ones unless told to
    if (storeCode(error) === "TOO_LARGE" || storeCode(error) === "UNSUPPORTED") return speeds;
    throw error;
  }
  const drain = async (): Promise<void> => {
    const opened = await driver.read(key);
    for await (const _ of opened?.stream ?? []);
  };
  await time(`read a ${label}`, drain, blob.length);
  return speeds;
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;
