import { computed, signal } from "@preact/signals";
import { forget, recall, remember } from "./memory.ts";

export type Theme = "light" | "dark";

const key = "citadel-theme";
const media = matchMedia("(prefers-color-scheme: dark)");
const system = signal<Theme>(media.matches ? "dark" : "light");
media.addEventListener("change", ({ matches }) => (system.value = matches ? "dark" : "light"));

const chosen = signal<Theme | undefined>(stored());

/** What is shown: the choice of the person, else that of the system. */
export const theme = computed<Theme>(() => chosen.value ?? system.value);

/** Switches over. Who comes back to what the system says follows the system again. */
export function toggleTheme(): void {
  const next = theme.value === "dark" ? "light" : "dark";
  chosen.value = next === system.value ? undefined : next;
  document.documentElement.dataset["theme"] = chosen.value ?? "";
  if (chosen.value === undefined) forget(key);
  else remember(key, chosen.value);
}

function stored(): Theme | undefined {
  const value = recall(key);
  return value === "light" || value === "dark" ? value : undefined;
}
