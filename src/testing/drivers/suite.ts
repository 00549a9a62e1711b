import type { Driver, Key } from "../../driver/driver.ts";
import type { Case, Harness } from "../harness.ts";
import { abort } from "./abort.ts";
import { blobs } from "./blobs.ts";
import { buffers } from "./buffers.ts";
import { conditions } from "./conditions.ts";
import { keys } from "./keys.ts";
import { lifecycle } from "./lifecycle.ts";
import { lists } from "./lists.ts";
import { outcomes } from "./outcomes.ts";
import { streams } from "./streams.ts";
import { ttl } from "./ttl.ts";
import { empty, within } from "../within.ts";
import { watch } from "./watch.ts";

const groups: Readonly<Record<string, readonly Case[]>> = {
  keys,
  conditions,
  outcomes,
  lists,
  streams,
  blobs,
  ttl,
  lifecycle,
  watch,
  buffers,
  abort,
};

/**
 * Registers the conformance tests of `docs/drivers.md` for one driver. They know no test runner: the harness brings
 * `test`. What a store cannot do by its capabilities is skipped, with the reason.
 *
 * ```ts
 * import { test } from "vitest"; // or node:test
 * import { defineDriverTests } from "@citadel/core/testing";
 * import driver from "my-driver";
 *
 * defineDriverTests("my-driver", {
 *   test: (name, run) => test(name, ({ skip }) => run({ skip })),
 *   make: () => new URL(`mine:${mkdtempSync(join(tmpdir(), "mine-"))}`),
 *   open: (url) => driver(url),
 *   remove: (url) => rm(url.pathname, { recursive: true }),
 * });
 * ```
 */
export function defineDriverTests<S>(name: string, harness: Harness<S>): void {
  for (const [group, cases] of Object.entries(groups))
    for (const one of cases)
      harness.test(`${name}: ${group}: ${one.name}`, ({ skip }) => play(harness, one, skip));
}

async function play<S>(
  harness: Harness<S>,
  one: Case,
  skip: (reason: string) => void,
): Promise<void> {
  const store = await harness.make();
  const place = harness.within?.(store);
  const touched = new Set<Key>();
  const opened: Driver[] = [];
  const open = async (): Promise<Driver> => {
    const bare = harness.open(store);
    const driver = place === undefined ? bare : within(bare, place, touched);
    opened.push(driver);
    await driver.open();
    return driver;
  };
  const { alone, crash, meta = 2048, prefix = "t/" } = harness;
  const second = async (): Promise<Driver> => {
    if (alone !== undefined) throw new Alone(alone);
    return open();
  };
  try {
    const driver = await open();
    const reason = one.unless?.(driver.caps);
    if (reason) return skip(reason);
    await one.run({
      driver,
      caps: driver.caps,
      prefix,
      meta,
      room: 512 - (place?.length ?? 0),
      key: (tail) => prefix + tail,
      second,
      ...(crash ? { crash: () => crash(store) } : {}),
      skip,
    });
  } catch (error) {
    if (error instanceof Alone) return skip(error.message);
    throw error;
  } finally {
    await Promise.all(opened.map((driver) => driver.close()));
    if (place !== undefined) await tidy(harness.open(store), place, touched);
    await harness.remove?.(store);
  }
}

/** Ends a case that needs a second instance of a store that can have none. */
class Alone extends Error {}

async function tidy(driver: Driver, place: string, touched: ReadonlySet<Key>): Promise<void> {
  await driver.open();
  try {
    await empty(driver, place, touched);
  } finally {
    await driver.close();
  }
}
