import { useSignal, useSignalEffect } from "@preact/signals";
import { announcement, toast } from "./announce.ts";
import { useShortcuts } from "./keys.ts";
import { Header } from "./shell/header.tsx";
import { CodeDialog } from "./shell/code.tsx";
import { Help } from "./shell/help.tsx";
import { Outlet } from "./shell/outlet.tsx";
import { base, go, path } from "./router.ts";

/** What stands around every screen. */
export function Shell() {
  const help = useSignal(false);
  useShortcuts([
    { keys: "/", does: "search packages", run: search },
    { keys: "?", does: "this help", run: () => (help.value = true) },
    { keys: "g p", does: "go to packages", run: () => go("/") },
    { keys: "g m", does: "go to metrics", run: () => go("/metrics") },
    { keys: "g s", does: "go to security", run: () => go("/security") },
    { keys: "g c", does: "go to configuration", run: () => go("/configuration") },
    { keys: "g t", does: "go to the terminal", run: () => location.assign(`${base}/terminal`) },
  ]);
  useSignalEffect(() => {
    if (path.value) help.value = false;
  });
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <Header onHelp={() => (help.value = true)} />
      <main id="main" tabIndex={-1}>
        <Outlet />
      </main>
      {help.value && <Help onClose={() => (help.value = false)} />}
      <CodeDialog />
      <p class="sr-only" role="status">
        {announcement}
      </p>
      {toast.value && <p class={`toast ${toast.value.tone}`}>{toast.value.text}</p>}
    </>
  );
}

/** Puts the focus into the search, on whatever screen it is. */
function search(): void {
  const field = (): HTMLElement | null => document.querySelector("input[type=search]");
  const found = field();
  if (found) return found.focus();
  go("/");
  const wait = new MutationObserver(() => {
    const late = field();
    if (!late) return;
    wait.disconnect();
    late.focus();
  });
  wait.observe(document.body, { childList: true, subtree: true });
}
