import { CitadelError, moment } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import {
  cursorOf,
  itemsOf,
  journal,
  positionOf,
  type AnyKind,
  type LogItem,
  openTail,
} from "@citadel/core/journal";
import { kinds } from "@citadel/core/kinds";
import { clean, sizeText, timeText } from "@citadel/core/terminal";
import { boolean, integer, string } from "@oclif/core/flags";
import { packageAsOf, packagesAsOf } from "../log/as-of.ts";

/** Exit code for a history that is not what was written. */
const damaged = 6;
const pageSize = 25;

export default class Log extends CitadelCommand {
  static override summary = "Show the history of packages, accounts and settings";
  static override description =
    "Every change with its place in the hash chain, newest first; with --follow oldest first, and then what comes. --json prints a line for each change and one for the end, with the cursor of the next page. --at shows packages as they were. Each entry is checked against its chain: exit code 6 when one is not what was written.";
  static override examples = [
    "<%= config.bin %> log --package @acme/widgets",
    "<%= config.bin %> log --who ada --since 7d --json",
    "<%= config.bin %> log --kind user --kind token -f",
    "<%= config.bin %> log --at 2026-03-01 --package @acme/widgets",
  ];
  static override flags = {
    package: string({ helpValue: "<package>", description: "changes of this package" }),
    who: string({ helpValue: "<name>", description: "changes that this account made" }),
    since: string({ helpValue: "<7d|date>", description: "not what is older" }),
    until: string({ helpValue: "<7d|date>", description: "not what is newer" }),
    kind: string({
      multiple: true,
      options: kinds().map(({ name }) => name),
      helpValue: "<kind>",
      description: "changes of this kind of thing; may be repeated",
    }),
    limit: integer({ min: 1, description: `changes at most [default: ${pageSize}]` }),
    after: string({ helpValue: "<cursor>", description: "begin behind the page that gave it" }),
    follow: boolean({ char: "f", exclusive: ["until", "after"], description: "go on with what comes" }), // prettier-ignore
    at: string({
      helpValue: "<7d|date>",
      exclusive: ["who", "since", "until", "kind", "follow"],
      description: "packages as they were then",
    }),
  };

  #broken = 0;
  #stopped: Promise<unknown> | undefined;

  async run(): Promise<object> {
    const { flags } = await this.parse(Log);
    const limit = flags.limit ?? pageSize;
    if (flags.at !== undefined)
      return this.#showPast(moment(flags.at, "--at"), flags.package, limit, flags.after);
    const after = flags.after === undefined ? undefined : positionOf(flags.after);
    if (flags.after !== undefined && !after)
      throw new CitadelError("E_USAGE", "--after is no cursor of a page before");
    const wanted = new Set(flags.package === undefined ? flags.kind : ["package"]);
    const of: readonly AnyKind[] = kinds().filter(({ name }) => wanted.size === 0 || wanted.has(name)); // prettier-ignore
    const { store } = await this.citadel();
    const options = {
      kinds: of,
      name: flags.package,
      since: flags.since === undefined ? undefined : moment(flags.since, "--since"),
      until: flags.until === undefined ? undefined : moment(flags.until, "--until"),
      after,
      damaged: (key: string, error: Error) => {
        this.#broken++;
        this.warn(`${clean(key)}: ${clean(error.message)}`);
      },
    };
    if (flags.follow) {
      const following = this.#follow(options, flags.who, limit);
      this.#stopped = following.catch(() => {});
      return following;
    }

    const items: LogItem[] = [];
    let next: string | undefined;
    let last: string | undefined;
    for await (const entry of journal(store, options)) {
      const found = itemsOf(entry, flags.who);
      if (found.length === 0) continue;
      // the changes of one entry stay on one page
      if (items.length >= limit) {
        next = last;
        break;
      }
      items.push(...found);
      last = cursorOf(entry);
    }
    if (this.terminal.json)
      for (const item of [...items, { end: true, next: next ?? null }]) this.emit(item); // prettier-ignore
    else await this.#print(items);
    if (items.length === 0) this.note("no changes");
    if (next !== undefined) this.next(`the same with --after ${next}`);
    if (this.#broken > 0) process.exitCode = damaged;
    return { items };
  }

  protected override async stopping(): Promise<void> {
    await this.#stopped;
  }

  async #follow(
    options: Parameters<typeof journal>[1],
    who: string | undefined,
    limit: number,
  ): Promise<object> {
    const { store } = await this.citadel();
    const tail = await openTail(store, options.kinds, options.name);
    const before: LogItem[] = [];
    for await (const entry of journal(store, options)) {
      before.push(...itemsOf(entry, who));
      if (before.length >= limit) break;
    }
    for (const item of before.slice(0, limit).toReversed()) this.#line(item);
    for await (const entry of tail.entries(this.signal))
      for (const item of itemsOf(entry, who).toReversed()) this.#line(item);
    return {};
  }

  /** A change by itself: how wide those are that come later is not known. */
  #line(item: LogItem): void {
    if (this.terminal.json) return this.emit(item);
    const { tty, palette } = this.terminal.out;
    const { time, who, via, kind, name, hash, events } = item;
    const what = events.map(({ text }) => text).join("; ");
    const cells = [timeText(this.terminal, Date.parse(time)), `${who} (${via})`, `${kind} ${tty ? shorten(name) : name}`, what].map(clean); // prettier-ignore
    const id = tty ? palette.dim(hash.slice(0, 8)) : hash;
    this.out([...cells, id].join(tty ? "  " : "\t"));
  }

  #print(items: readonly LogItem[]): Promise<void> {
    const { tty } = this.terminal.out;
    return this.table(items, [
      { name: "time", value: ({ time }) => timeText(this.terminal, Date.parse(time)), importance: 0 }, // prettier-ignore
      { name: "who", value: ({ who, via }) => (tty ? who : `${who} (${via})`), importance: 3 },
      {
        name: "of",
        value: ({ kind, name }) => `${kind} ${tty ? shorten(name) : name}`,
        importance: 2,
      },
      {
        name: "change",
        value: ({ events }) => events.map(({ text }) => text).join("; "),
        importance: 2,
      },
      { name: "hash", value: ({ hash }) => (tty ? hash.slice(0, 8) : hash), importance: 0 },
    ]);
  }

  async #showPast(
    time: number,
    name: string | undefined,
    limit: number,
    after?: string,
  ): Promise<object> {
    const { registry } = await this.citadel();
    const at = new Date(time).toISOString();
    if (name !== undefined) {
      const past = await packageAsOf(registry.packages, name, time);
      const tagsOf = (version: string): string =>
        Object.entries(past.tags).flatMap(([tag, of]) => (of === version ? [tag] : [])).join(", "); // prettier-ignore
      await this.table(past.versions, [
        { name: "version", value: ({ version }) => version, importance: 0 },
        { name: "tags", value: ({ version }) => tagsOf(version) },
        { name: "published", value: (one) => timeText(this.terminal, Date.parse(one.published)), importance: 2, whole: true }, // prettier-ignore
        { name: "by", value: ({ by }) => by, importance: 3 },
        { name: "size", value: ({ size }) => sizeText(this.terminal, size), align: "right", importance: 4 }, // prettier-ignore
        { name: "deprecated", value: ({ deprecated }) => deprecated, importance: 5 },
      ]);
      this.note(`${past.name} at ${at}, owned by ${past.owners.join(", ")}`);
      return { at, ...past };
    }
    const items = [];
    let next: string | undefined;
    for await (const past of packagesAsOf(registry.packages, time, after)) {
      if (items.length >= limit) {
        next = items.at(-1)?.name;
        break;
      }
      items.push(past);
    }
    await this.table(items, [
      { name: "package", value: ({ name: of }) => of, importance: 0 },
      { name: "latest", value: ({ tags }) => tags["latest"], importance: 0 },
      { name: "versions", value: ({ versions }) => versions.length, align: "right" },
      { name: "owners", value: ({ owners }) => owners.join(", "), importance: 2 },
    ]);
    this.note(items.length === 0 ? `no packages at ${at}` : `as of ${at}`);
    if (next !== undefined) this.next(`the same with --after ${next}`);
    return { at, items, ...(next !== undefined && { next }) };
  }
}

/** Names that are hashes are as long as a line. */
const shorten = (name: string): string => (/^[\w-]{40,}$/.test(name) ? name.slice(0, 12) : name);
