import { CitadelError, errorObject, logger, nearest, type Citadel } from "@citadel/core";
import { codeNeeded, type Caller } from "@citadel/core/access";
import { setFeature, setField } from "@citadel/core/live";
import { actorOf } from "@citadel/core/registry";
import { clean, coloured, palette, type Palette } from "@citadel/core/terminal";
import { needsCode } from "../auth/second-factor.ts";
import type { ConsoleContext } from "./context.ts";
import { publishFolder } from "./publish.ts";
import { status } from "./status.ts";
import { isVerb, longestLine, splitLine, usageOf, words, type Verb } from "./words.ts";

interface Line extends ConsoleContext {
  readonly args: readonly string[];
  readonly style: Palette;
  readonly say: (line: string) => void;
}

/**
 * Runs one line of the console: a fixed table of words, and no shell. `clear` and `exit` are about the screen: whoever owns it does
 * them when the line is over.
 * @returns the exit code that the command line would have; what went wrong is written
 */
export async function runLine(line: string, context: ConsoleContext): Promise<number> {
  const style = await palette(context.colour === false ? 0 : 1);
  const say = (text: string): void => context.write(`${coloured(text)}\n`);
  try {
    const { who } = context;
    if (!who.principal.admin)
      throw new CitadelError("E_FORBIDDEN", "the console is for administrators");
    const [verb, ...args] = read(line);
    if (verb === undefined) return 0;
    await run[verb]({ ...context, args, style, say });
    return 0;
  } catch (error) {
    const { code, message, hint, exit } = errorObject(error);
    if (code === "E_FAILED") logger("console")("a line failed", { error });
    for (const text of hint) say(style.dim(`  ${clean(text)}`));
    say(style.bad(`${clean(message)} (${code})`));
    return exit;
  }
}

/** @throws E_USAGE for a line that means nothing */
function read(line: string): readonly [] | readonly [Verb, ...string[]] {
  if (Buffer.byteLength(line) > longestLine)
    throw new CitadelError("E_USAGE", `a line has at most ${longestLine} bytes`);
  if (/\p{Cc}/u.test(line.replaceAll("\t", " ")))
    throw new CitadelError("E_USAGE", "a line has no control characters");
  const found = splitLine(line);
  if (!found) throw new CitadelError("E_USAGE", "a quote has no end");
  const [verb, ...args] = found;
  if (verb === undefined) return [];
  if (!isVerb(verb)) {
    const meant = nearest(verb, Object.keys(words)).map((guess) => `did you mean ${guess}?`);
    throw new CitadelError("E_USAGE", `${JSON.stringify(verb)} is no command`, {
      hint: [...meant.slice(0, 1), "see what there is: help"],
    });
  }
  const takes: readonly string[] = words[verb].args;
  const least = takes.filter((arg) => arg.startsWith("<")).length;
  if (args.length < least || args.length > takes.length)
    throw new CitadelError("E_USAGE", `it is ${usageOf(verb)}`, {
      hint: args.length > takes.length ? ["quote an argument that holds blanks"] : [],
    });
  return [verb, ...args];
}

const run: Readonly<Record<Verb, (line: Line) => void | Promise<void>>> = {
  async set({ citadel, who, args: [field = "", value = ""], say, style }) {
    await demandNoCode(citadel, who);
    await setField(await citadel.live(), field, value, { by: actorOf(who) });
    say(style.good(`${clean(field)} is ${clean(value)}`));
  },
  enable: (line) => turn(line, true),
  disable: (line) => turn(line, false),
  async save({ citadel, say, style }) {
    const live = await citadel.live();
    await live.save();
    say(style.good(`saved ${live.bytes().toString("hex")}`));
  },
  async publish({ args: [folder = "", code], say, style, ...context }) {
    const { name, version } = await publishFolder(context, folder, code, (text) =>
      say(style.careful(clean(text))),
    );
    say(style.good(`published ${name}@${version}`));
  },
  async status({ say, style, ...context }) {
    for (const [name, value] of await status(context))
      say(`${style.dim(name.padEnd(12))} ${clean(value)}`);
  },
  async reload({ citadel, say, style }) {
    const live = await citadel.live();
    const before = live.generation();
    await live.reload();
    const changes = live.generation() - before;
    say(style.good(changes === 0 ? "nothing has changed" : `changes: ${changes}`));
  },
  clear() {},
  help({ args: [verb], say, style }) {
    const chosen = verb === undefined ? (Object.keys(words) as Verb[]) : [verb];
    for (const each of chosen) {
      if (!isVerb(each)) throw new CitadelError("E_USAGE", `${JSON.stringify(each)} is no command`);
      say(`${usageOf(each).padEnd(22)} ${style.dim(words[each].summary)}`);
    }
  },
  exit() {},
};

/** @throws E_OTP_REQUIRED for those whose every write needs a code, which these lines have no place for */
async function demandNoCode({ accounts }: Citadel, { principal }: Caller): Promise<void> {
  if (await needsCode(accounts, principal, true))
    throw codeNeeded(["change it on the machine of the registry: citadel config:set"]);
}

async function turn({ citadel, who, args: [name = ""], say, style }: Line, on: boolean) {
  await demandNoCode(citadel, who);
  await setFeature(await citadel.live(), name, on, { by: actorOf(who) });
  say(style.good(`${name.toUpperCase()} is ${on ? "on" : "off"}`));
}
