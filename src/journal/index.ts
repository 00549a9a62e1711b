export { describeEvent } from "./events.ts";
export { openTail, type Tail } from "./follow.ts";
export { itemsOf, type LogItem } from "./item.ts";
export {
  cursorOf,
  documents,
  journal,
  positionOf,
  type AnyKind,
  type JournalEntry,
  type JournalOptions,
  type Listed,
} from "./journal.ts";
