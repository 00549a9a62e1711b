/** What a browser remembers of how somebody likes it; where it may not, nothing is lost but that. */
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {}
}
export function forget(name: string): void {
  try {
    localStorage.removeItem(name);
  } catch {}
}
export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}
