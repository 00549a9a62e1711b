import type { ErrorObject } from "../errors.ts";
import type { Terminal } from "./terminal.ts";
import { clean } from "./text.ts";

/** What is printed about a failure besides the public object. */
export interface Failure {
  readonly object: ErrorObject;
  /** why, nearest cause first; for people only */
  readonly because?: readonly string[];
}

/** The one JSON document of a failed command, without its line end. */
export const errorJson = (object: ErrorObject): string =>
  JSON.stringify({ error: object }, null, 2);

/** Prints a failure: JSON to stdout, or lines to stderr with the most important one last. */
export function printError({ object, because = [] }: Failure, terminal: Terminal): void {
  if (terminal.json) {
    terminal.out.stream.write(`${errorJson(object)}\n`);
    return;
  }
  const { palette, stream } = terminal.err;
  const [arrow, cross] = terminal.unicode ? ["→", "✖"] : ["->", "x"];
  const lines = [
    palette.dim(`${object.code}, docs/errors.md#${object.code.toLowerCase()}`),
    ...grouped(because).map((cause) => palette.dim(`because: ${clean(cause)}`)),
    ...object.hint.map((hint) => `${arrow} ${clean(hint)}`),
    palette.bad(`${cross} ${clean(object.message)}`),
  ];
  stream.write(`${lines.join("\n")}\n`);
}

/** Why an error happened: the messages of its causes, or of the errors that it gathers. */
export function causes(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const gathered = error instanceof AggregateError ? error.errors.map(messageOf) : [];
  const { cause } = error;
  return cause === undefined ? gathered : [...gathered, messageOf(cause), ...causes(cause)];
}

/** Equal ones once, with their number. */
function grouped(messages: readonly string[]): string[] {
  const counts = Map.groupBy(messages, (message) => message);
  return [...counts].map(([message, { length }]) =>
    length > 1 ? `${message} (${length} times)` : message,
  );
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
