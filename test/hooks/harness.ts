import { startDeliveries } from "@citadel/core/deliveries";
import { createHooks, type Hooks, type HooksOptions } from "@citadel/core/hooks";

import { place, type Place } from "../serve/place.ts";
import { receiver, type Receiver } from "../support/receiver.ts";

export const secret = "not to be told";

/** A registry with a receiver on loopback that it may call. */
export interface Hooked extends AsyncDisposable {
  readonly here: Place;
  readonly to: Receiver;
  /** makes a hook over HTTP */
  hook(token: string, name: string, more?: Readonly<Record<string, unknown>>): Promise<any>;
  /** one hook as its owner sees it */
  look(token: string, id: string): Promise<any>;
  /** begins to deliver as a server does */
  start(): void;
  /** as another server over the same store has them */
  other(more?: Pick<HooksOptions, "pauses" | "leased">): Hooks;
}

export async function hooked(settings: Readonly<Record<string, unknown>> = {}): Promise<Hooked> {
  const here = await place({ "hooks.allow": ["127.0.0.1"], ...settings });
  const to = await receiver();
  const stops: (() => Promise<void>)[] = [];
  const { citadel } = here;
  return {
    here,
    to,
    async hook(token, name, more = {}) {
      const body = { type: "package", name, endpoint: to.url, secret, ...more };
      const got = await here.ask("/-/npm/v1/hooks/hook", { method: "POST", token, body });
      if (got.status !== 201) throw new Error(got.text);
      return got.json();
    },
    look: async (token, id) => (await here.ask(`/-/npm/v1/hooks/hook/${id}`, { token })).json(),
    start() {
      const { stop } = startDeliveries(citadel);
      stops.push(stop);
    },
    other(more = {}) {
      const { store, registry, accounts, keys, changes, notices, tracing } = citadel;
      const { hooks: own } = citadel.settings;
      const hooks = createHooks({ store, registry, accounts, keys, changes, notices, tracing, settings: own, base: undefined, ...more }); // prettier-ignore
      stops.push(() => hooks.close());
      return hooks;
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop();
      await to[Symbol.asyncDispose]();
      await here[Symbol.asyncDispose]();
    },
  };
}
