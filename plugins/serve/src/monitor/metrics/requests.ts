import { publishResults, tarballSources, type Meter } from "../meter.ts";
import { by, lines, one, type Metric } from "./metric.ts";

const seconds = "http_request_duration_seconds";

/** What is asked and answered. */
export const requestMetrics = (meter: Meter): readonly Metric[] => [
  {
    name: seconds,
    type: "histogram",
    help: "Time until the answer was ready to be sent.",
    values: () =>
      Array.from(meter.series(), ({ durations: of, ...labels }) =>
        lines(seconds, { ...labels }, of),
      ).flat(),
  },
  {
    name: "http_requests_in_flight",
    type: "gauge",
    help: "Requests whose answer is not ready.",
    values: () => one(meter.inFlight),
  },
  {
    name: "citadel_http_response_bytes_total",
    type: "counter",
    help: "Bytes of bodies that were answered.",
    values: () => by("route", meter.bytesByRoute()),
  },
  {
    name: "citadel_publishes_total",
    type: "counter",
    help: "Versions that were sent to be published.",
    values: () => by("result", publishResults.map((result) => [result, meter.publishes[result]])), // prettier-ignore
  },
  {
    name: "citadel_tarball_downloads_total",
    type: "counter",
    help: "Tarballs that were handed out whole.",
    values: () => by("source", tarballSources.map((source) => [source, meter.downloads[source]])), // prettier-ignore
  },
];
