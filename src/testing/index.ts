export { defineDriverTests } from "./drivers/suite.ts";
export type { Harness } from "./harness.ts";
export { linearizable, type Operation } from "./linearizable.ts";
export { empty, within } from "./within.ts";
