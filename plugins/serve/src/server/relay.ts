import type { Worker } from "node:cluster";
import { together, type Sample } from "../monitor/sample.ts";
import type { Downward, Topic, Upward } from "./together.ts";

/** ms that a worker has to tell what it is asked for */
const patience = 1000;
/** answers of workers that are gone which are kept; of more the oldest are forgotten */
const mostGone = 100;

/** Passes on what workers tell each other, in the first process. */
export interface Relay {
  /** A worker was started. */
  join(worker: Worker): void;
}

interface Asking {
  readonly topic: Topic;
  readonly by: Worker;
  readonly id: number;
  readonly waiting: Set<Worker>;
  readonly values: unknown[];
  readonly late: NodeJS.Timeout;
}

export function createRelay(): Relay {
  const living = new Set<Worker>();
  const asked = new Map<number, Asking>();
  /** what each last answered */
  const known = new Map<Worker, Map<Topic, unknown>>();
  const gone = new Map<Topic, unknown[]>();
  const samples = new Map<Worker, Sample>();
  let last = 0;

  const say = (worker: Worker, message: Downward): void => {
    if (worker.isConnected()) worker.send(message);
  };
  const finish = (id: number): void => {
    const asking = asked.get(id);
    if (!asking) return;
    asked.delete(id);
    clearTimeout(asking.late);
    const gathered = { living: asking.values, gone: gone.get(asking.topic) ?? [] };
    say(asking.by, { citadel: "gathered", id: asking.id, gathered });
  };
  const gather = (by: Worker, theirs: number, topic: Topic): void => {
    const id = ++last;
    const late = setTimeout(() => finish(id), patience);
    asked.set(id, { topic, by, id: theirs, waiting: new Set(living), values: [], late });
    for (const worker of living) say(worker, { citadel: "tell", id, topic });
  };
  const told = (worker: Worker, id: number, topic: Topic, value: unknown): void => {
    if (value !== undefined) known.get(worker)?.set(topic, value);
    const asking = asked.get(id);
    if (!asking?.waiting.delete(worker)) return;
    if (value !== undefined) asking.values.push(value);
    if (asking.waiting.size === 0) finish(id);
  };
  const sampled = (worker: Worker, sample: Sample): void => {
    // the second one of a worker begins the next interval
    const [one, ...others] = samples.has(worker) ? samples.values() : [];
    if (one) {
      const all = together(one, ...others);
      samples.clear();
      const [first] = living;
      for (const each of living) say(each, { citadel: "seen", sample: all, first: each === first });
    }
    samples.set(worker, sample);
  };

  return {
    join(worker) {
      living.add(worker);
      known.set(worker, new Map());
      worker.on("message", (message: Upward) => {
        if (message.citadel === "gather") gather(worker, message.id, message.topic);
        if (message.citadel === "told") told(worker, message.id, message.topic, message.value);
        if (message.citadel === "sample") sampled(worker, message.sample);
      });
      worker.once("exit", () => {
        living.delete(worker);
        samples.delete(worker);
        for (const [topic, value] of known.get(worker) ?? []) {
          const all = [...(gone.get(topic) ?? []), value];
          gone.set(topic, all.slice(-mostGone));
        }
        known.delete(worker);
        for (const [id, { waiting }] of asked)
          if (waiting.delete(worker) && waiting.size === 0) finish(id);
      });
    },
  };
}
