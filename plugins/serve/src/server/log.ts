import type { Logger } from "pino";

const nothing = (): void => {};

/** Notes the start of a request; the function that comes back notes its end. */
export type RequestLog = (
  method: string,
  path: string,
  client: () => string | undefined,
  status: () => number,
  /** id of the trace that it is recorded in */
  trace: () => string | undefined,
) => () => void;

/**
 * One line of JSON per request on stderr, while `isOn` says so; what writes it is loaded only then. Paths lose queries and
 * tokens.
 */
export async function createRequestLog(isOn: () => boolean): Promise<RequestLog> {
  let logger: Logger | undefined;
  let loading: Promise<void> | undefined;
  const load = async (): Promise<void> => {
    const { default: pino } = await import("pino");
    logger = pino(
      { base: null, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ fd: 2, sync: true }),
    );
  };
  if (isOn()) await load();
  return (method, path, client, status, trace) => {
    if (!isOn()) return nothing;
    if (!logger) {
      void (loading ??= load());
      return nothing;
    }
    const info = logger.info.bind(logger);
    const started = performance.now();
    const address = client(); // a connection that is closed has none
    return () => {
      const ms = Math.round((performance.now() - started) * 10) / 10;
      info(
        { method, path: redacted(path), status: status(), ms, client: address, trace: trace() },
        "request",
      );
    };
  };
}

/** A request target that may be kept: logout carries a token in its path, approvals what opens them, the broker names of secrets, a proxy's client a password. */
export function redacted(target: string): string {
  const [sent = ""] = target.split("?", 1);
  // a secret that is spelled with percent signs is the same secret
  const path = decoded(sent).replace(/^(\w*:\/\/)[^/]*@/, "$1***@");
  const kept = path
    .replace(/(\/token\/|\/auth\/|npm_|ctdl_)[^/]+/gi, "$1***")
    .replace(/(\/_secrets\/).+/i, "$1***");
  return encodeURI(kept).slice(0, 500);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
