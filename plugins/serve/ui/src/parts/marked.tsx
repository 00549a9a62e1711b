import type { ComponentChildren } from "preact";

/** A text in which what somebody looks for stands out. */
export function Marked({ text, query }: { readonly text: string; readonly query: string }) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return <>{text}</>;
  const lower = text.toLowerCase();
  // lengths differ where lower case has more letters than upper case
  if (lower.length !== text.length) return <>{text}</>;
  const hit = new Uint8Array(text.length);
  for (const word of words)
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + 1))
      hit.fill(1, at, at + word.length);
  const parts: ComponentChildren[] = [];
  for (let start = 0, end = 0; start < text.length; start = end) {
    while (end < text.length && hit[end] === hit[start]) end++;
    const part = text.slice(start, end);
    parts.push(hit[start] ? <mark key={start}>{part}</mark> : part);
  }
  return <>{parts}</>;
}
