import type { Locks } from "@citadel/core/driver";

const name = Symbol.for("citadel.s3.locks");

/** One table for the whole process, also when this package is there twice: that is what "one writer" means. */
export const locks = (): Locks => {
  const place = globalThis as { [name]?: Locks };
  return (place[name] ??= new Map());
};
