/**
 * Whether a pattern is of a name. `*` stands for any letters within a segment, `**` as the last segment for one or more
 * segments; all else for itself.
 */
export function globMatches(glob: string, name: string): boolean {
  const wanted = glob.normalize("NFC").split("/");
  const parts = name.split("/");
  const rest = wanted.at(-1) === "**";
  if (rest ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return (rest ? wanted.slice(0, -1) : wanted).every((part, i) => segment(part, parts[i] ?? ""));
}

/** Goes back to the last star only, so that the time does not grow with their number. */
function segment(glob: string, text: string): boolean {
  let [g, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (glob[g] === "*") {
      star = g++;
      mark = t;
    } else if (glob[g] === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++mark;
    } else return false;
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}
