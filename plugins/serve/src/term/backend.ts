import { stat } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { environment, logger, type Citadel, type Dirs, type Settings } from "@citadel/core";
import type { Topic } from "@citadel/core/frames";
import { decodeHeader, livePlace, openLive, type TerminalMode } from "@citadel/core/live";
import { holderOf } from "@citadel/core/port";
import { splitLine } from "../console/words.ts";
import { emptyModel, heard, withOutput, type Model } from "./model.ts";

const topics: readonly Topic[] = [
  ...(["hello", "config", "metrics", "history", "alert"] as const),
  ...(["package", "security", "notice", "terminal"] as const),
];
/** ms that a server of this machine has to answer */
const patience = 2000;

/** Why somebody left the terminal: they wanted to, or the bytes want another mode. */
export type Left = "exit" | "mode";

/** The registry behind a terminal: a server that runs over this store, else the store itself. */
export interface Backend {
  model(): Model;
  /** how the thirteen bytes want the terminal */
  mode(): TerminalMode;
  /** @returns ends it */
  onChange(listener: () => void): () => void;
  /** Runs a line; what it says is in the model, and told to `write` as it comes. @returns the exit code */
  run(line: string, write?: (text: string) => void): Promise<number>;
  /** Adds to the output of commands. */
  say(text: string): void;
  /** Takes the output of commands off the screen. */
  clear(): void;
  /** Resolves once it is known whether a server runs. */
  readonly ready: Promise<void>;
  close(): void;
}

export interface BackendOptions {
  readonly settings: Settings;
  readonly dirs: Dirs;
  /** opened after the first look at the bytes: the first picture waits for no store */
  readonly citadel: () => Promise<Citadel>;
  readonly colour: boolean;
  readonly signal: AbortSignal;
}

/** @throws E_CONFIG when the thirteen bytes are not what they must be */
export async function openBackend(options: BackendOptions): Promise<Backend> {
  const { settings, dirs, citadel, colour, signal } = options;
  const file = await openLive({ ...livePlace(settings, dirs), env: environment() });
  const listeners = new Set<() => void>();
  const where = `http://localhost:${settings.server.port}/`;
  let now = emptyModel(where, file.bytes());
  let client: import("@citadel/core/live-client").LiveClient | undefined;
  let cookie = "";
  /** what hears the output of a command that the server runs */
  let hearing: ((text: string) => void) | undefined;

  const become = (next: Model): void => {
    now = next;
    for (const listener of listeners) listener();
  };
  // without a server, and where one is slow to tell, the file says what counts
  const unwatch = file.watch(() => {
    if (now.link !== "live") become({ ...now, bytes: file.bytes() });
  });
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, where), {
      ...init,
      signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      headers: { origin: new URL(where).origin, "content-type": "application/json", cookie },
    });

  /** Signs in as the user of this machine: who may write into the store may do everything. */
  const signIn = async (): Promise<boolean> => {
    if (!(await isOurs(settings.server.port, dirs.data))) return false;
    const [{ store }, { createLink }] = await Promise.all([
      citadel(),
      import("../dashboard/session.ts"),
    ]);
    const code = await createLink(store);
    const body = JSON.stringify({ link: code });
    const answer = await ask("_dashboard/api/session", { method: "POST", body }).catch(
      () => undefined,
    );
    if (answer?.status !== 201) return false;
    cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
    return true;
  };
  const ticket = async (): Promise<string> => {
    const get = () => ask("_dashboard/api/ws-ticket", { method: "POST", body: "{}" });
    let answer = await get();
    if (answer.status === 401 && (await signIn())) answer = await get();
    return ((await answer.json()) as { readonly ticket: string }).ticket;
  };
  const tellSince = async (): Promise<void> => {
    const answer = await ask("_dashboard/api/_api/performance/summary");
    const { since } = (await answer.json()) as { readonly since?: string };
    if (since !== undefined) become({ ...now, since: Date.parse(since) });
  };

  const connect = async (): Promise<void> => {
    const place = settings.store.documents;
    if (!(await signIn())) return become({ ...now, link: "embedded", place });
    const { connectLive } = await import("@citadel/core/live-client");
    const { promise, resolve } = Promise.withResolvers<void>();
    client = connectLive({
      ...{ url: new URL("_dashboard/terminal", where), ticket, topics },
      onState(state) {
        if (state === "ended") become({ ...now, link: "embedded", place, since: undefined });
        else become({ ...now, link: state === "open" ? "live" : "waiting" });
        if (state === "open") void tellSince().catch(() => {});
        if (state !== "connecting") resolve();
      },
      onNews(news) {
        if (news.type === "config_byte" || news.type === "feature") {
          const bytes = Buffer.from(now.bytes);
          if (news.type === "feature") bytes.writeUInt32BE(news.flags, 5);
          else bytes.writeUInt8(news.new, news.offset);
          return become({ ...now, bytes });
        }
        if (news.topic === "terminal")
          return hearing?.(colour ? news.body.text : stripVTControlCharacters(news.body.text));
        become(heard(now, news));
      },
    });
    return promise;
  };
  const ready = connect().catch((error: unknown) => {
    logger("term")("no server was found", { error });
    become({ ...now, link: "embedded" });
  });

  return {
    model: () => now,
    mode: () => decodeHeader(now.bytes).terminalMode,
    say: (text) => become(withOutput(now, text)),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async run(line, also) {
      const write = (text: string): void => {
        also?.(text);
        become(withOutput(now, text));
      };
      const [verb] = splitLine(line) ?? [];
      // folders are those of whoever sits here, not of the server
      if (!client || verb === "publish" || verb === "help") {
        const [{ runLine }, { commandLine }, opened] = await Promise.all([
          import("../console/run.ts"),
          import("@citadel/core/access"),
          citadel(),
        ]);
        const here = { citadel: opened, who: commandLine, cwd: process.cwd() };
        return runLine(line, { ...here, write, colour, signal });
      }
      hearing = write;
      try {
        const reply = await client.request({ type: "command", line });
        return reply.type === "command" ? reply.exit : 1;
      } catch (error) {
        write(`${(error as Error).message}\n`);
        return 7;
      } finally {
        hearing = undefined;
      }
    },
    clear: () => become({ ...now, output: [] }),
    ready,
    close() {
      unwatch();
      client?.close();
      void file.close();
    },
  };
}

/**
 * Whether the server at a port may be shown a link: another user of this machine who took the port could use it elsewhere. Where
 * the system does not tell whose it is, it counts as ours.
 */
async function isOurs(port: number, data: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  const holder = await holderOf(port);
  if (!holder) return false;
  const owners = [`/proc/${holder.pid}`, data].map((path) => stat(path).then(({ uid }) => uid));
  const [theirs, ours] = await Promise.all(owners).catch(() => []);
  return theirs !== undefined && [0, ours, process.getuid?.()].includes(theirs);
}
