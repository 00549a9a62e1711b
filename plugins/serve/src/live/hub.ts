import type { Bodies, Topic } from "@citadel/core/frames";

/** What is told to the sockets of this process. Whoever learns of something tells it here; each socket hears what it may. */
export interface Hub {
  /** Never throws, and costs nothing while nobody listens. */
  publish<T extends Topic>(topic: T, body: Bodies[T]): void;
  /** @returns ends it */
  join(listener: HubListener): () => void;
}

/** One socket. */
export interface HubListener {
  /** Hears of everything, and passes on what its client asked for and may know. */
  hear<T extends Topic>(topic: T, body: Bodies[T]): void;
}

export function createHub(): Hub {
  const listeners = new Set<HubListener>();
  return {
    publish(topic, body) {
      for (const listener of listeners) listener.hear(topic, body);
    },
    join(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
