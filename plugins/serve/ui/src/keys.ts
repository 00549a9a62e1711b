import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { forget, recall, remember } from "./memory.ts";

/** A key, or two after each other: `/`, `g m`. */
export interface Shortcut {
  readonly keys: string;
  readonly does: string;
  readonly run: () => void;
}

const name = "citadel-keys";
/** ms between the two keys of a shortcut */
const patience = 1500;

export const keysOn = signal(recall(name) !== "off");
export function toggleKeys(): void {
  keysOn.value = !keysOn.value;
  if (keysOn.value) forget(name);
  else remember(name, "off");
}

/** All that work right now; the newest first, so that a screen may take a key over. */
export const shortcuts = signal<readonly Shortcut[]>([]);

/** Shortcuts that work as long as the component is there. */
export function useShortcuts(list: readonly Shortcut[], of: readonly unknown[] = []): void {
  useEffect(() => {
    shortcuts.value = [...list, ...shortcuts.peek()];
    return () => {
      shortcuts.value = shortcuts.peek().filter((one) => !list.includes(one));
    };
  }, of);
}

/** None fires in a text field, with a modifier, or under an open dialog. */
export function listenToKeys(): void {
  let first = "";
  let at = 0;
  addEventListener("keydown", (event) => {
    if (!keysOn.value || event.defaultPrevented || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const { key, timeStamp } = event;
    const pair = timeStamp - at < patience ? `${first} ${key}` : "";
    const found =
      shortcuts.value.find(({ keys }) => keys === pair) ??
      shortcuts.value.find(({ keys }) => keys === key);
    first = found ? "" : key;
    at = timeStamp;
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return (
    target instanceof HTMLInputElement &&
    !["button", "checkbox", "radio", "range", "submit"].includes(target.type)
  );
}
