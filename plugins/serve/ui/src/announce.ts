import { signal } from "@preact/signals";

/** What screen readers say next, once. */
export const announcement = signal("");
/** What is shown for a moment at the edge of the window. */
export const toast = signal<{ readonly text: string; readonly tone: "good" | "bad" } | undefined>(
  undefined,
);

const shown = 5000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says something without showing it. */
export function announce(text: string): void {
  // the same text twice would not be a change
  announcement.value = announcement.peek() === text ? `${text}\u00a0` : text;
}

/** Says something and shows it for a moment. */
export function notify(text: string, tone: "good" | "bad" = "good"): void {
  announce(text);
  toast.value = { text, tone };
  clearTimeout(timer);
  timer = setTimeout(() => (toast.value = undefined), shown);
}
