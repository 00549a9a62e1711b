import { mask, type Citadel, type Settings } from "@citadel/core";
import type { Asked } from "../http/exchange.ts";
import type { Guard } from "../http/guard.ts";
import { methods, noRoute } from "../monitor/meter.ts";
import { redacted } from "../server/log.ts";
import { placeOf, type Place } from "./place.ts";
import { createTrace, type Recorded, type Trace } from "./trace.ts";

/** A request as part of a trace. */
export interface Traced {
  /** Does what it is for. */
  run<T>(work: () => T): T;
  /** It is answered. @param route the pattern, never the path */
  end(route: string, status: number): void;
  /** names it in answers and logs; undefined: it is not recorded */
  readonly id: string | undefined;
}

/** Looks at a request that came in; undefined where it makes no difference what it is part of. */
export type Tracer = (asked: Asked) => Traced | undefined;

/** The traces of a server; undefined where nothing is recorded and there is no other registry to tell, so that requests pay nothing. */
export function traceOf({
  settings,
  trace,
}: Pick<Citadel, "settings" | "trace">): Trace | undefined {
  const { telemetry, upstream } = settings;
  if (telemetry.endpoint === undefined && upstream.registries.length === 0) return undefined;
  const made = createTrace(telemetry.sampleRatio);
  trace(made.call);
  return made;
}

export function createTracer(
  trace: Trace,
  { telemetry, upstream }: Pick<Settings, "telemetry" | "upstream">,
  guard: Pick<Guard, "site">,
): Tracer {
  const records = telemetry.endpoint !== undefined;
  const passes = upstream.registries.length > 0;
  const passing = (place: Place): Traced => ({
    run: (work) => trace.at(place, work),
    end() {},
    id: undefined,
  });
  const unrecorded = records && passes ? passing(trace.unrecorded) : undefined;

  const recording = (asked: Asked, { place, end }: Recorded): Traced => {
    asked.traced?.(place.trace);
    return {
      run: (work) => trace.at(place, work),
      end(route, status) {
        const failed = status >= 500;
        const method = methods.has(asked.method) ? asked.method : "_OTHER";
        const named = method === "_OTHER" ? "HTTP" : method;
        end({
          name: route === noRoute ? named : `${named} ${route}`,
          failed,
          attributes: {
            "http.request.method": method,
            "http.route": route === noRoute ? undefined : route,
            "http.response.status_code": status,
            "url.path": mask(redacted(asked.path)),
            ...addressOf(asked),
            "network.protocol.version": asked.version,
            "user_agent.original": clipped(asked.header("user-agent")),
            "error.type": failed ? String(status) : undefined,
          },
        });
      },
      id: `${place.trace}-${place.span}`,
    };
  };

  /** The address that the client used. */
  function addressOf(asked: Asked) {
    try {
      const { protocol, hostname, port } = new URL(guard.site(asked).base);
      const scheme = protocol.slice(0, -1);
      return {
        "url.scheme": scheme,
        "server.address": hostname,
        "server.port": Number(port) || (scheme === "https" ? 443 : 80),
      };
    } catch {
      return {}; // a name that is not ours: the request was refused for it
    }
  }

  return (asked) => {
    const parent = asked.header("traceparent");
    const above = parent === undefined ? undefined : placeOf(parent, asked.header("tracestate"));
    const recorded = records ? trace.request(above) : undefined;
    if (recorded) return recording(asked, recorded);
    return above && passes ? passing(above) : unrecorded;
  };
}

const clipped = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : mask(text).slice(0, 200);
