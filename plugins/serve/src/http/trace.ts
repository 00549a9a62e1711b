import type { Citadel } from "@citadel/core";
import type { Asked } from "./exchange.ts";

/** W3C Trace Context, version 00 */
const form = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Does what a request is for as part of the trace that it names, where other registries could be told. */
export function createTraced({
  trace,
  settings,
}: Pick<Citadel, "trace" | "settings">): <T>(asked: Asked, work: () => T) => T {
  if (settings.upstream.registries.length === 0) return (_, work) => work();
  return (asked, work) => {
    const parent = asked.header("traceparent");
    return parent !== undefined && form.test(parent) ? trace.run(parent, work) : work();
  };
}
