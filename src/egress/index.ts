export { createEgress } from "./egress.ts";
export type { Egress, EgressOptions, EgressRequest, Reply, Timeouts } from "./types.ts";
