import { rm } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDuration, parseSize } from "../../config/units.ts";
import { mask } from "../../config/mask.ts";
import { storeCode } from "../../driver/error.ts";
import { openDriver, type Schemes } from "../../driver/open.ts";
import { CitadelError } from "../../errors.ts";
import { driverShelf } from "./driver.ts";
import type { Shelf } from "./shelf.ts";
import { sqliteCode, sqliteShelf } from "./sqlite.ts";
import type { TierOptions } from "./tier.ts";

/** bytes of a tier on disk whose URL says no `?max=` */
const DISK = 1e9;
const NEAR = 50;
const FAR = 200;

/** The address of a tier. `?max=2GB` says how many bytes it may take, `?deadline=100ms` how long a read waits for it. */
export interface Address {
  readonly url: URL;
  readonly name: string;
  readonly max: number | undefined;
  /** ms */
  readonly deadline: number | undefined;
}

/** @throws E_CONFIG */
export function parseTier(text: string): Address {
  const url = URL.parse(text);
  if (!url)
    throw new CitadelError("E_CONFIG", "the address of a cache tier is not a URL", {
      hint: ["write them as memory:, redis://localhost:6379, sqlite:/path/cache.db or file:/path"],
    });
  const option = (name: string, parse: (raw: unknown) => number | undefined, example: string) => {
    const given = url.searchParams.get(name);
    url.searchParams.delete(name);
    const value = given === null ? undefined : parse(given);
    if (given !== null && value === undefined)
      throw new CitadelError("E_CONFIG", `${name} of the cache tier ${url.protocol} is wrong`, {
        hint: [`write ?${name}=${example}`],
      });
    return value;
  };
  const max = option("max", parseSize, "500MB");
  const deadline = option("deadline", parseDuration, "100ms");
  const scheme = url.protocol.slice(0, -1);
  return { url, name: scheme === "rediss" ? "redis" : scheme, max, deadline };
}

/** How to open a tier that processes share. `folder` is ours: a damaged file in it is made anew. */
export function tierOptions(
  { url, name, max = DISK, deadline }: Address,
  schemes: Schemes,
  folder: string,
): Omit<TierOptions, "back"> {
  const anyDriver = async (): Promise<Shelf> => driverShelf(await openDriver(url, schemes), max);
  const open = async (damaged: boolean): Promise<Shelf> => {
    if (name === "redis") {
      const adapter = await import("@keyv/redis").catch(absent);
      const { redisShelf } = await import("./redis.ts");
      return adapter ? redisShelf(adapter, url) : anyDriver();
    }
    if (name !== "sqlite" || url.pathname === ":memory:") return anyDriver();
    const adapter = await import("@keyv/sqlite").catch(absent);
    const file = fileURLToPath(`file://${url.pathname}`);
    const here = () => (adapter ? sqliteShelf(adapter, file, max) : anyDriver());
    if (relative(folder, file).startsWith("..")) return here();
    if (damaged) await remove(file);
    return here().catch(async (error: unknown) => {
      if (![11, 26].includes(sqliteCode(error)) && storeCode(error) !== "CORRUPT") throw error;
      await remove(file);
      return here();
    });
  };
  const usual = ["redis", "sqlite", "file"].includes(name) ? NEAR : FAR;
  return { name, url: mask(shown(url)), deadline: deadline ?? usual, open };
}

/** One spelling for one file: `sqlite:/path` is `sqlite:///path`. */
const shown = ({ href, protocol }: URL): string =>
  href.replace(/^(\w+:)\/(?!\/)/, `${protocol}///`);

async function remove(file: string): Promise<void> {
  for (const suffix of ["-wal", "-shm", "-journal", ""]) await rm(file + suffix, { force: true });
}

/** Nobody installed it; anything else is a failure of the tier. */
function absent(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw error;
}
