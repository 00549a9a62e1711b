import { createDurations, type Durations } from "@citadel/core";
import { frameTypes, topics, type FrameType, type Topic } from "@citadel/core/frames";

export const directions = ["in", "out"] as const;
export type Direction = (typeof directions)[number];
/** what stands for a type that there is not */
const other = "other";
export const countedTypes: readonly (FrameType | typeof other)[] = [
  ...(Object.keys(frameTypes) as FrameType[]),
  other,
];

/** What the sockets of this process have done since it started. */
export interface LiveCounts {
  /** that are open */
  connections: number;
  moved(direction: Direction, type: FrameType | undefined): void;
  /** something gave way to something newer, or went with a socket that was too slow */
  dropped(topic: Topic): void;
  /** @param ms from a ping to its answer */
  answered(ms: number): void;
  frames(direction: Direction, type: (typeof countedTypes)[number]): number;
  drops(topic: Topic): number;
  /** both ways */
  readonly total: number;
  readonly roundTrips: Durations;
  /** ms of the last one; undefined before there was one */
  readonly roundTrip: number | undefined;
  /** who stands in changes of the configuration that were asked for on a socket */
  readonly bySocket: WeakSet<object>;
}

export function createLiveCounts(): LiveCounts {
  const frames = { in: new Map<string, number>(), out: new Map<string, number>() };
  const drops = new Map<Topic, number>(topics.map((topic) => [topic, 0]));
  const counts = {
    connections: 0,
    total: 0,
    roundTrips: createDurations(),
    roundTrip: undefined as number | undefined,
    bySocket: new WeakSet<object>(),
    moved(direction: Direction, type: FrameType | undefined): void {
      counts.total++;
      const name = type ?? other;
      frames[direction].set(name, (frames[direction].get(name) ?? 0) + 1);
    },
    dropped: (topic: Topic): void => void drops.set(topic, (drops.get(topic) ?? 0) + 1),
    answered(ms: number): void {
      counts.roundTrip = ms;
      counts.roundTrips.note(ms);
    },
    frames: (direction: Direction, type: string): number => frames[direction].get(type) ?? 0,
    drops: (topic: Topic): number => drops.get(topic) ?? 0,
  };
  return counts;
}
