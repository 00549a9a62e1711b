import { connectLive, type LiveState } from "@citadel/core/live-client";
import { ask, isFailure } from "../api.ts";
import { base } from "../router.ts";
import type { SessionItem } from "../session.ts";
import { openPane, type Pane } from "./pane.ts";

const modeAt = 9;
const sizeAt = 10;

const states: Readonly<Record<LiveState, string>> = {
  connecting: "◌ connecting",
  open: "● live",
  waiting: "◌ reconnecting",
  ended: "○ ended; reload the page to come back",
};

/** The console in the browser: for administrators, over one socket. */
export async function begin(app: HTMLElement): Promise<void> {
  const main = make("main", "console");
  const bar = make("header", "bar");
  const home = make("a", "", "← Dashboard");
  home.href = `${base}/`;
  const bytes = make("span", "bytes");
  const state = make("span", "state");
  state.setAttribute("role", "status");
  bar.append(home, make("h1", "", "Terminal"), bytes, state);
  main.append(bar);
  app.replaceChildren(main);

  const refusal = await whyNot();
  if (refusal !== undefined) {
    main.append(refusal);
    return;
  }
  const screen = make("div", "screen");
  main.append(screen);
  const pane = await openPane(screen, {
    run: async (line) => {
      try {
        const reply = await client.request({ type: "command", line });
        return reply.type === "command" ? reply.exit : 1;
      } catch (error) {
        pane.write(`${(error as Error).message}\n`);
        return 7;
      }
    },
    leave: () => location.assign(`${base}/`),
  });
  let header = new Uint8Array(13);
  const turn = (next: Uint8Array<ArrayBuffer>): void => {
    header = next;
    bytes.textContent = Array.from(header, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    follow(pane, header);
  };
  const client = connectLive({
    url: new URL(`${base}/terminal`, location.href),
    topics: ["hello", "config", "alert", "notice", "terminal"],
    onState: (now) => (state.textContent = states[now]),
    onNews(news) {
      if (news.type === "config_byte" || news.type === "feature") {
        const next = header.slice();
        if (news.type === "feature") new DataView(next.buffer).setUint32(5, news.flags);
        else next[news.offset] = news.new;
        return turn(next);
      }
      if (news.topic === "config")
        return turn(
          Uint8Array.from(news.body.bytes.match(/../g) ?? [], (hex) => parseInt(hex, 16)),
        );
      if (news.topic === "terminal") pane.write(news.body.text);
      if (news.topic === "alert") pane.write(`${news.body.state}: ${news.body.description}\n`);
      if (news.topic === "notice") pane.write(`${news.body.text}\n`);
    },
  });
}

/** The thirteen bytes say whether there is a terminal, and its size where that is not the one they begin with. */
function follow(pane: Pane, header: Uint8Array): void {
  const [rows = 24, cols = 80] = header.slice(sizeAt, sizeAt + 2);
  pane.enable(header[modeAt] !== 0);
  pane.size(rows === 24 && cols === 80 ? undefined : { rows, cols });
}

/** What somebody is told who has no terminal here. */
async function whyNot(): Promise<HTMLElement | undefined> {
  const message = make("p", "message");
  try {
    const { user, rights } = await ask<SessionItem>("/session");
    if (rights.admin) return undefined;
    if (user !== null) message.textContent = "The terminal is for administrators.";
    else {
      const link = make("a", "", "Sign in");
      link.href = `${base}/sign-in`;
      message.append(link, " as an administrator to use the terminal.");
    }
  } catch (error) {
    message.textContent = isFailure(error) ? error.message : "The server does not answer.";
  }
  return message;
}

function make<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  className: string,
  text = "",
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.textContent = text;
  return element;
}
