import type { Sample } from "../monitor/sample.ts";

/** What processes of one server gather from each other. */
export type Topic = "export" | "totals";

export interface Gathered<T> {
  /** of each process that answers within a second, this one too */
  readonly living: readonly T[];
  /** of processes that are gone, as they last answered */
  readonly gone: readonly T[];
}

/** The processes of one server: `--workers` of them, or this one alone. */
export interface Together {
  /** What others get that gather this here. */
  answer(topic: Topic, read: () => Promise<unknown>): void;
  /** What all processes answer. */
  gather<T>(topic: Topic): Promise<Gathered<T>>;
  /** A sample of this process was taken. */
  took(sample: Sample): void;
  /** @param listener gets what all processes did between two looks; `first` is true in one of them */
  seen(listener: (sample: Sample, first: boolean) => void): void;
}

/** What a worker tells the first process, which passes it on. */
export type Upward =
  | { readonly citadel: "gather"; readonly id: number; readonly topic: Topic }
  | { readonly citadel: "told"; readonly id: number; readonly topic: Topic; readonly value: unknown } // prettier-ignore
  | { readonly citadel: "sample"; readonly sample: Sample };

/** What the first process tells a worker. */
export type Downward =
  | { readonly citadel: "tell"; readonly id: number; readonly topic: Topic }
  | { readonly citadel: "gathered"; readonly id: number; readonly gathered: Gathered<unknown> }
  | { readonly citadel: "seen"; readonly sample: Sample; readonly first: boolean };

interface Parts {
  readonly answers: Map<Topic, () => Promise<unknown>>;
  heard: (sample: Sample, first: boolean) => void;
}

/** One process. */
export function alone(): Together {
  const parts: Parts = { answers: new Map(), heard: () => {} };
  return {
    answer: (topic, read) => void parts.answers.set(topic, read),
    async gather<T>(topic: Topic) {
      const value = await parts.answers.get(topic)?.();
      return { living: value === undefined ? [] : [value as T], gone: [] };
    },
    took: (sample) => parts.heard(sample, true),
    seen: (listener) => void (parts.heard = listener),
  };
}

/** A worker among others. */
export function amongWorkers(): Together {
  const parts: Parts = { answers: new Map(), heard: () => {} };
  const asked = new Map<number, (gathered: Gathered<unknown>) => void>();
  let last = 0;
  const say = (message: Upward): void => {
    // the first process may have gone away
    if (process.connected) process.send?.(message);
  };
  const tell = async (id: number, topic: Topic): Promise<void> => {
    const value = await parts.answers
      .get(topic)?.()
      .catch(() => undefined); // it is left out
    say({ citadel: "told", id, topic, value });
  };
  process.on("message", (message: Downward) => {
    switch (message.citadel) {
      case "tell":
        return void tell(message.id, message.topic);
      case "gathered":
        asked.get(message.id)?.(message.gathered);
        return void asked.delete(message.id);
      case "seen":
        return parts.heard(message.sample, message.first);
    }
  });
  return {
    answer: (topic, read) => void parts.answers.set(topic, read),
    gather: <T>(topic: Topic) =>
      new Promise<Gathered<T>>((resolve) => {
        asked.set(++last, (gathered) => resolve(gathered as Gathered<T>));
        say({ citadel: "gather", id: last, topic });
      }),
    took: (sample) => say({ citadel: "sample", sample }),
    seen: (listener) => void (parts.heard = listener),
  };
}
