export { audiencesOf, createTrust } from "./trust.ts";
export type * from "./types.ts";
