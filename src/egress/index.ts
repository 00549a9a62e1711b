export { createEgress } from "./egress.ts";
export type {
  Attributes,
  Called,
  Egress,
  EgressOptions,
  EgressRequest,
  Reply,
  Timeouts,
  Tracing,
} from "./types.ts";
