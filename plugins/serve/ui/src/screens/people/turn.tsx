import type { Pages } from "./pages.ts";

/** Buttons to the pages before and after, where there are some. */
export const Turn = ({ of, what }: { readonly of: Pages<unknown>; readonly what: string }) => {
  const more = Boolean(of.page.now.value.value?.next);
  if (!of.later && !more) return null;
  return (
    <div class="row">
      <button type="button" disabled={!of.later} onClick={of.back}>
        Earlier {what}
      </button>
      <button type="button" disabled={!more} onClick={of.next}>
        Later {what}
      </button>
    </div>
  );
};
