import { CitadelError } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Asks a yes-or-no question; the answer that nothing is lost by is the default.
 * @param flag what a script passes instead: `--yes`
 * @throws E_USAGE that names the flag where nobody can be asked, E_CANCELLED when declined
 */
export async function confirm(terminal: Terminal, question: string, flag: string): Promise<void> {
  mustBeAskable(terminal, question, flag);
  const clack = await import("@clack/prompts");
  const answer = await clack.confirm({
    message: question,
    initialValue: false,
    input: process.stdin,
    output: process.stderr,
  });
  if (clack.isCancel(answer)) await interrupted();
  if (answer !== true) throw new CitadelError("E_CANCELLED", "nothing was changed");
}

/** Asks for the name of what is about to be lost. A script passes it: `--confirm=<name>`. */
export async function confirmName(
  terminal: Terminal,
  question: string,
  name: string,
  given: string | undefined,
): Promise<void> {
  if (given === name) return;
  if (given !== undefined)
    throw new CitadelError("E_USAGE", `--confirm is ${given}, not ${name}`, {
      hint: [`pass --confirm=${name}`],
    });
  mustBeAskable(terminal, question, `--confirm=${name}`);
  const clack = await import("@clack/prompts");
  const answer = await clack.text({
    message: `${question} Type ${name} to go on:`,
    input: process.stdin,
    output: process.stderr,
  });
  if (clack.isCancel(answer)) await interrupted();
  if (answer !== name) throw new CitadelError("E_CANCELLED", "nothing was changed");
}

/**
 * Asks for a secret, which is not shown.
 * @param flag what a script passes instead
 * @throws E_USAGE, E_CANCELLED
 */
export async function askSecret(
  terminal: Terminal,
  question: string,
  flag: string,
): Promise<string> {
  mustBeAskable(terminal, question, flag);
  const clack = await import("@clack/prompts");
  const answer = await clack.password({
    message: question,
    input: process.stdin,
    output: process.stderr,
  });
  if (clack.isCancel(answer)) await interrupted();
  if (typeof answer !== "string" || answer === "")
    throw new CitadelError("E_CANCELLED", "nothing was changed");
  return answer;
}

/** A terminal in raw mode sends no signal for Ctrl-C: the command ends as if it had. */
function interrupted(): Promise<never> {
  process.emit("SIGINT", "SIGINT");
  return new Promise(() => {});
}

function mustBeAskable({ interactive }: Terminal, question: string, flag: string): void {
  if (interactive) return;
  throw new CitadelError("E_USAGE", `${question} Nobody can be asked here`, {
    hint: [`pass ${flag}`],
  });
}
