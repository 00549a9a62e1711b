import type { AlertBody, Broadcast, MetricsSample } from "@citadel/core/frames";

/** samples, events and lines of output that are kept */
const mostSamples = 60;
const mostEvents = 50;
const mostLines = 1000;

/** What the terminal dashboard shows. */
export interface Model {
  /** `embedded`: no server answers, commands work on the store itself */
  readonly link: "connecting" | "live" | "waiting" | "embedded";
  /** of the server, or the store where none runs */
  readonly place: string;
  /** the thirteen */
  readonly bytes: Buffer;
  /** ms since 1970; of the server */
  readonly since: number | undefined;
  /** oldest first */
  readonly samples: readonly MetricsSample[];
  /** newest first */
  readonly events: readonly string[];
  /** that are firing, by rule */
  readonly alerts: ReadonlyMap<string, AlertBody>;
  /** what commands said, oldest first */
  readonly output: readonly string[];
}

export const emptyModel = (place: string, bytes: Buffer): Model => ({
  ...{ link: "connecting", place, bytes, since: undefined },
  ...{ samples: [], events: [], alerts: new Map(), output: [] },
});

/** The model after something was told by the server. */
export function heard(model: Model, news: Broadcast): Model {
  switch (news.topic) {
    case "config":
      return { ...model, bytes: Buffer.from(news.body.bytes, "hex") };
    case "history":
      return { ...model, samples: news.body.slice(-mostSamples) };
    case "metrics":
      return { ...model, samples: [...model.samples, news.body].slice(-mostSamples) };
    case "alert": {
      const { rule, state, description } = news.body;
      const alerts = new Map(model.alerts);
      if (state === "firing") alerts.set(rule, news.body);
      else alerts.delete(rule);
      return withEvent({ ...model, alerts }, news.body.since, `${state}: ${description}`);
    }
    case "package":
    case "security": {
      const { name, who, text, time } = news.body;
      return withEvent(model, time, `${who}: ${name} ${text}`);
    }
    case "notice":
      return withEvent(model, new Date().toISOString(), news.body.text);
    default:
      return model;
  }
}

const withEvent = (model: Model, time: string, text: string): Model => ({
  ...model,
  events: [`${time.slice(11, 19)} ${text.trim()}`, ...model.events].slice(0, mostEvents),
});

/** @param text whole lines with their ends */
export const withOutput = (model: Model, text: string): Model => ({
  ...model,
  output: [...model.output, ...text.replace(/\n$/, "").split("\n")].slice(-mostLines),
});
