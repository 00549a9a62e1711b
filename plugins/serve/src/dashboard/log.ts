import { CitadelError, errorObject, parseMoment } from "@citadel/core";
import { cursorOf, itemsOf, journal, positionOf, type LogItem } from "@citadel/core/journal";
import { kinds } from "@citadel/core/kinds";
import type { Context } from "hono";
import { administrator } from "../context.ts";
import type { Env, Handler } from "../npm/room.ts";
import { number } from "../npm/search.ts";

const usual = 50;
const most = 500;

/** One page of the history. */
export interface LogPage {
  /** newest first */
  readonly items: readonly LogItem[];
  /** pass as `after`; null: there is no more */
  readonly next: string | null;
  /** histories that are not what was written */
  readonly damaged: readonly string[];
  /** of everything that has a history */
  readonly kinds: readonly string[];
}

/** `GET /_dashboard/api/log?who=&kind=&package=&since=&until=&after=&limit=`: who changed what, for administrators. */
export const getLog: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const limit = number(c.req.query("limit"), usual, most);
  const items: LogItem[] = [];
  const damaged: string[] = [];
  let next: string | null = null;
  let last = "";
  for await (const { found, cursor } of changes(c, wanted(c, damaged))) {
    // the changes of one entry stay on one page
    if (items.length >= limit) {
      next = last;
      break;
    }
    items.push(...found);
    last = cursor;
  }
  return c.json({ items, next, damaged, kinds: kinds().map(({ name }) => name) } satisfies LogPage);
};

/** The same without pages: one change a line, as `citadel log --json` prints them, and how it ended. */
export const getLogLines: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const encoder = new TextEncoder();
  const line = (value: object): Uint8Array => encoder.encode(`${JSON.stringify(value)}\n`);
  const damaged: string[] = [];
  const rows = changes(c, wanted(c, damaged));
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await rows.next();
        if (!done) return value.found.forEach((item) => controller.enqueue(line(item)));
        controller.enqueue(line({ end: true, damaged }));
      } catch (error) {
        // the status is sent already; what lacks its last line is not whole
        controller.enqueue(line({ error: errorObject(error).code }));
      }
      controller.close();
    },
    cancel: async () => void (await rows.return()),
  });
  return c.body(stream, 200, {
    "content-type": "application/x-ndjson",
    "content-disposition": 'attachment; filename="citadel-log.ndjson"',
  });
};

/** What is asked for, with the only person whose changes count. @throws E_BAD_REQUEST */
function wanted(c: Context<Env>, damaged: string[]) {
  const name = c.req.query("package") || undefined;
  const kind = name === undefined ? c.req.query("kind") || undefined : "package";
  const of = kinds().filter((each) => kind === undefined || each.name === kind);
  const cursor = c.req.query("after");
  const after = cursor === undefined ? undefined : positionOf(cursor);
  if (of.length === 0) throw bad("kind is none of those that have a history");
  if (cursor !== undefined && !after) throw bad("after is no cursor of a page before");
  return {
    who: c.req.query("who") || undefined,
    options: {
      ...{ kinds: of, name, after },
      since: moment(c.req.query("since"), "since"),
      until: moment(c.req.query("until"), "until"),
      damaged: (key: string) => void damaged.push(key),
    },
  };
}

async function* changes(
  c: Context<Env>,
  { who, options }: ReturnType<typeof wanted>,
): AsyncGenerator<{ readonly found: readonly LogItem[]; readonly cursor: string }, void, void> {
  for await (const entry of journal(c.env.shared.citadel.store, options)) {
    const found = itemsOf(entry, who);
    if (found.length > 0) yield { found, cursor: cursorOf(entry) };
  }
}

function moment(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === "") return undefined;
  const time = parseMoment(text, Date.now());
  if (time === undefined) throw bad(`${name} is neither a date nor a duration such as 7d`);
  return time;
}

const bad = (message: string): CitadelError => new CitadelError("E_BAD_REQUEST", message);
