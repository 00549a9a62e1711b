import { signal } from "@preact/signals";

/** Path of the dashboard, whatever a proxy puts before it: `/npm/_dashboard`. */
export const base = `${location.pathname.split("/_dashboard", 1)[0]}/_dashboard`;

/** Where the browser is, below {@link base}: `/package/@acme/one`; `/` at the start. */
export const path = signal(here());
/** the query, with its `?` */
export const query = signal(location.search);
/** counts ways through pages, so that a screen notices when it is asked for again */
export const visit = signal(0);

/** An address of a screen, for links. */
export const href = (to: string): string => (to === "/" ? `${base}/` : base + to);

/** Goes to a screen. `replace` leaves no step to come back to. */
export function go(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", href(to));
  arrive();
}

/** Makes links to screens work without loading the page again. */
export function followLinks(): void {
  addEventListener("popstate", arrive);
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    const plain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || event.defaultPrevented || event.button !== 0 || !plain) return;
    if (link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin)
      return;
    if (!isScreen(link.pathname)) return;
    // a place on this page
    if (link.pathname + link.search === location.pathname + location.search && link.hash) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    arrive();
  });
}

/** Documents of their own, and what is no page at all. */
const isScreen = (pathname: string): boolean =>
  (pathname === base || pathname.startsWith(`${base}/`)) &&
  !/^\/(?:terminal|api|assets|raw)(?:\/|$)/.test(pathname.slice(base.length));

function here(): string {
  return decodeURI(location.pathname.slice(base.length)).replace(/(?<=.)\/$/, "") || "/";
}

function arrive(): void {
  path.value = here();
  query.value = location.search;
  visit.value++;
}
