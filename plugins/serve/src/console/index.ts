export type { ConsoleContext } from "./context.ts";
export { runLine } from "./run.ts";
export { complete } from "./words.ts";
