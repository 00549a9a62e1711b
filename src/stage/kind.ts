import { blobKey, manifestKey } from "../store/keys.ts";
import type { Kind } from "../store/types.ts";
import type { StagedItem, StageEvent, StageState } from "./types.ts";

export const nothingStaged: StageState = { items: [] };

/** Staged versions: `d/stage/<first 8 hex digits of the SHA-256 of the package's name>`. Who decided what is in the history. */
export function stageKind(): Kind<StageState, StageEvent> {
  return {
    name: "stage",
    reduce({ items } = nothingStaged, event, { who }) {
      const change = (to: (item: StagedItem) => StagedItem): StageState => ({
        items: items.map((item) => (item.id === (event as { id: string }).id ? to(item) : item)),
      });
      switch (event.type) {
        case "stage":
          return { items: [...items, event.item] };
        case "claim":
          return change((item) => ({
            ...item,
            claim: { by: who.name, until: event.until, attempt: event.attempt },
          }));
        case "release":
          return change(({ claim: _, ...item }) => item);
        case "remove":
          return { items: items.filter(({ id }) => id !== event.id) };
      }
    },
    *references({ items }) {
      for (const { integrity, input } of items) {
        yield blobKey(integrity);
        yield manifestKey(input);
      }
    },
  };
}
