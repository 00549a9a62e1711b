import { isReference, logger, type Citadel } from "@citadel/core";
import { createEgress } from "@citadel/core/egress";
import { ownVersion } from "../version.ts";

/** ms that a collector has for its answer */
const patience = 10_000;
/** ms that it has for all that is left when the server stops */
const farewell = 2000;

type Labels = Readonly<Record<string, unknown>>;

/** A collector of OpenTelemetry: OTLP over HTTP, as JSON. */
export interface Collector {
  /**
   * Sends what is known to one of its addresses; never rejects.
   * @param of the request without its resource, which comes first
   * @returns whether it was taken
   */
  send(signal: "metrics" | "traces", of: (resource: object) => object): Promise<boolean>;
  /** What is not done in a few seconds from now on fails. */
  hurry(): void;
  close(): Promise<void>;
}

export async function openCollector(
  { telemetry }: Pick<Citadel["settings"], "telemetry">,
  endpoint: string,
  secret: Citadel["secret"],
): Promise<Collector> {
  const log = logger("telemetry");
  const { origin } = new URL(endpoint);
  // it is meant wherever it lies, and nothing that it says leads elsewhere
  const egress = createEgress({
    ...{ allow: [origin], only: [origin], connections: 2 },
    timeouts: { connect: patience, first: patience, whole: patience },
  });
  const leaving = new AbortController();
  const resource = {
    attributes: attributes({
      "service.name": telemetry.service,
      "service.version": await ownVersion(),
      "service.instance.id": String(process.pid),
    }),
  };
  let read: Readonly<Record<string, string>> | undefined;
  const fields = async (): Promise<Readonly<Record<string, string>>> => {
    if (read) return read;
    const found: Record<string, string> = {};
    for (const { name, secret: text } of telemetry.headers)
      found[name] = isReference(text) ? await secret(text, "telemetry.headers") : text;
    return (read = found);
  };
  let hurrying: NodeJS.Timeout | undefined;

  return {
    async send(signal, of) {
      try {
        const reply = await egress.fetch(`${endpoint}v1/${signal}`, {
          method: "POST",
          headers: {
            "user-agent": "citadel",
            ...(await fields()),
            "content-type": "application/json",
          },
          body: JSON.stringify(of(resource)),
          signal: leaving.signal,
        });
        reply.cancel();
        if (reply.status < 300) return true;
        log("not taken", { signal, status: reply.status });
      } catch (error) {
        log("not reported", { signal, error });
      }
      return false;
    },
    hurry: () => void (hurrying ??= setTimeout(() => leaving.abort(), farewell)),
    async close() {
      clearTimeout(hurrying);
      await egress.close();
    },
  };
}

/** As OTLP has them; what is undefined is left out. */
export const attributes = (labels: Labels): object[] =>
  Object.entries(labels).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueOf(value) }],
  );

const valueOf = (value: unknown): object =>
  Number.isSafeInteger(value) ? { intValue: String(value) } : { stringValue: String(value) };

/** @param ms since 1970; a microsecond is as exact as they are */
export const nanoseconds = (ms: number): string => `${Math.round(ms * 1000)}000`;
