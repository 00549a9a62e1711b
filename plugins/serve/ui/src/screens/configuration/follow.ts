import { load } from "./state.ts";

/** ms between two looks */
const interval = 800;

/** Looks for changes as long as the page is seen. @returns ends it */
export function followConfig(): () => void {
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") void load();
  }, interval);
  return () => clearInterval(timer);
}
