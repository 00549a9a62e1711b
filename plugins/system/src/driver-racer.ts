// A process of its own that takes part in a race; started by driver-race.ts.
import { pathToFileURL } from "node:url";
import type { DriverFactory } from "@citadel/core/driver";
import type { Operation } from "@citadel/core/testing";
import { compete, type Task, type Told } from "./driver-race.ts";

/** Operations per message. */
const batch = 100;

const tell = (told: Told): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(told, undefined, {}, () => resolve());
  });
const next = <T>(): Promise<T> => new Promise((resolve) => process.once("message", resolve));

// the parent is gone: nobody would hear the result
process.once("disconnect", () => process.exit(1));

try {
  const task = await next<Task>();
  const { default: factory } = (await import(pathToFileURL(task.module).href)) as {
    default: DriverFactory;
  };
  const driver = factory(new URL(task.url));
  await driver.open();
  const started = next<{ readonly ms: number }>();
  await tell("ready");
  const end = Date.now() + (await started).ms;

  let held: Operation[] = [];
  await compete(
    driver,
    task,
    () => Date.now() >= end,
    (operation) => {
      if (held.push(operation) < batch) return;
      void tell({ operations: held });
      held = [];
    },
  );
  await driver.close();
  await tell({ operations: held });
  await tell("done");
} catch (error) {
  await tell({ failed: error instanceof Error ? error.message : String(error) });
}
process.disconnect();
