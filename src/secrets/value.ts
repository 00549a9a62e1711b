import { buffer } from "node:stream/consumers";
import { CitadelError } from "../errors.ts";
import { askSecret } from "../terminal/prompt.ts";
import type { Terminal } from "../terminal/terminal.ts";

/**
 * The value to keep: what is given, else what standard input holds without its last line end, else the answer to a question.
 * @param given `-` is standard input
 * @throws E_USAGE when there is none
 */
export async function readValue(terminal: Terminal, given: string | undefined): Promise<Buffer> {
  if (given !== undefined && given !== "-") return Buffer.from(given);
  if (given === undefined && terminal.interactive)
    return Buffer.from(await askSecret(terminal, "Value:", "it on standard input"));
  const all = await buffer(process.stdin);
  const end = all.at(-1) === 10 ? (all.at(-2) === 13 ? 2 : 1) : 0;
  const value = all.subarray(0, all.byteLength - end);
  if (value.byteLength === 0)
    throw new CitadelError("E_USAGE", "standard input holds no value", {
      hint: ["pipe it in: citadel secrets:set <name> < file"],
    });
  return value;
}
