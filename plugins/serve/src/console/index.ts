export { runLine, type ConsoleContext } from "./run.ts";
export { complete } from "./words.ts";
