import type { Citadel } from "@citadel/core";
import { topics } from "@citadel/core/frames";
import { countedTypes, directions, type LiveCounts } from "../../live/counts.ts";
import { updateSources, type Meter } from "../meter.ts";
import { by, lines, one, type Metric } from "./metric.ts";

const roundTrips = "citadel_websocket_rtt_seconds";
const writes = "citadel_config_write_duration_seconds";

/** The live protocol, and the configuration that it is about. */
export const liveMetrics = (
  citadel: Pick<Citadel, "live">,
  meter: Meter,
  counts: LiveCounts,
): readonly Metric[] => [
  {
    name: "citadel_websocket_connections",
    type: "gauge",
    help: "Sockets that are open.",
    values: () => one(counts.connections),
  },
  {
    name: "citadel_websocket_frames_total",
    type: "counter",
    help: "Messages of the live protocol.",
    values: () =>
      directions.flatMap((direction) =>
        countedTypes.map((type) => ({
          labels: { direction, type },
          value: counts.frames(direction, type),
        })),
      ),
  },
  {
    name: "citadel_websocket_dropped_frames_total",
    type: "counter",
    help: "Messages that gave way to newer ones because their reader was slow.",
    values: () => by("topic", topics.map((topic) => [topic, counts.drops(topic)])), // prettier-ignore
  },
  {
    name: roundTrips,
    type: "histogram",
    help: "Time from a ping to its answer.",
    values: () => lines(roundTrips, {}, counts.roundTrips),
  },
  {
    name: "citadel_config_updates_total",
    type: "counter",
    help: "Changes of the live configuration.",
    values: () => by("source", updateSources.map((source) => [source, meter.updates[source]])), // prettier-ignore
  },
  {
    name: writes,
    type: "histogram",
    help: "Time until a change of the live configuration was written.",
    values: async () => lines(writes, {}, (await citadel.live()).writes),
  },
];
