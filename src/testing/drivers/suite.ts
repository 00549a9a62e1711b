import type { Driver } from "../../driver/driver.ts";
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
  const opened: Driver[] = [];
  const open = async (): Promise<Driver> => {
    const driver = harness.open(store);
    opened.push(driver);
    await driver.open();
    return driver;
  };
  const { crash, prefix = "t/" } = harness;
  try {
    const driver = await open();
    const reason = one.unless?.(driver.caps);
    if (reason) return skip(reason);
    await one.run({
      driver,
      caps: driver.caps,
      prefix,
      key: (tail) => prefix + tail,
      second: open,
      ...(crash ? { crash: () => crash(store) } : {}),
      skip,
    });
  } finally {
    await Promise.all(opened.map((driver) => driver.close()));
    await harness.remove?.(store);
  }
}
