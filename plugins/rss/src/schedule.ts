const minute = 60_000;
/** ms between two requests */
export const usual = 30 * minute;
export const shortest = 5 * minute;
export const longest = 24 * 60 * minute;

/** ms until the next request, within reason; what a server asks for in so many words counts up to a week. */
export function schedule(
  wait: number,
  asked = 0,
): { readonly checked: number; readonly next: number } {
  const now = Date.now();
  const most = Math.max(longest, Math.min(asked, 7 * longest));
  return { checked: now, next: now + Math.round(Math.min(Math.max(wait, shortest), most)) };
}
