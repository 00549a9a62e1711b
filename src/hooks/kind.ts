import type { Kind } from "../store/types.ts";
import type { HookEvent, HookRecord, HookState } from "./types.ts";

export const noHooks: HookState = { hooks: [] };

/** Hooks: `d/hook/<user>`. How far each has come is not a change that anybody made: see `progress.ts`. */
export function hookKind(): Kind<HookState, HookEvent> {
  return {
    name: "hook",
    reduce({ hooks } = noHooks, event, { at }) {
      switch (event.type) {
        case "add":
          return { hooks: [...hooks, { ...event.hook, created: at, updated: at }] };
        case "update": {
          const { id, endpoint, secret } = event;
          const updated = ({ off: _, ...hook }: HookRecord): HookRecord => ({ ...hook, endpoint, secret, updated: at }); // prettier-ignore
          return { hooks: hooks.map((hook) => (hook.id === id ? updated(hook) : hook)) };
        }
        case "switch": {
          const { id, on } = event;
          const switched = ({ off: _, ...hook }: HookRecord): HookRecord => ({ ...hook, updated: at, ...(!on && { off: true }) }); // prettier-ignore
          return { hooks: hooks.map((hook) => (hook.id === id ? switched(hook) : hook)) };
        }
        case "remove":
          return { hooks: hooks.filter(({ id }) => id !== event.id) };
      }
    },
  };
}
