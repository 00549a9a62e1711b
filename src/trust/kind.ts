import type { Kind } from "../store/types.ts";
import type { TrustEvent, TrustState } from "./types.ts";

export const noTrust: TrustState = { configs: [], seen: [] };

/** Trusted publishers: `d/trust/<package>`. Its history tells which run got a token when. */
export function trustKind(): Kind<TrustState, TrustEvent> {
  return {
    name: "trust",
    reduce({ configs, seen } = noTrust, event, { at }) {
      switch (event.type) {
        case "add":
          return { configs: [...configs, event.config], seen };
        case "remove":
          return { configs: configs.filter(({ id }) => id !== event.id), seen };
        case "exchange":
          return {
            configs: configs.map((config) =>
              config.id === event.id
                ? { ...config, pins: { ...event.pins, ...config.pins }, lastUsed: at }
                : config,
            ),
            seen: [...seen.filter(([, until]) => until > at), [event.use, event.until]],
          };
      }
    },
  };
}
