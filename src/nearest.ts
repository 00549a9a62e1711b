/**
 * The candidates that `word` may have been meant to be, best first, at most three: those that start with it, and those
 * within a third of its length in insertions, deletions, replacements and swaps of neighbours.
 */
export function nearest(word: string, candidates: Iterable<string>): string[] {
  const wanted = word.toLowerCase();
  const best: { readonly candidate: string; readonly cost: number }[] = [];
  let most = Math.max(1, Math.floor(wanted.length / 3));
  for (const candidate of new Set(candidates)) {
    const found = cost(wanted, candidate.toLowerCase(), most);
    if (found > most) continue;
    best.push({ candidate, cost: found });
    best.sort((a, b) => a.cost - b.cost || (a.candidate < b.candidate ? -1 : 1));
    best.splice(3);
    // what is worse than the third one is not looked at to its end
    most = best[2]?.cost ?? most;
  }
  return best.map(({ candidate }) => candidate);
}

function cost(a: string, b: string, most: number): number {
  if (b.startsWith(a) && a.length > 1) return 0.5;
  if (Math.abs(a.length - b.length) > most) return Infinity;
  return distance(a, b, Math.floor(most));
}

/** Optimal string alignment distance, as far as it is at most `most`: what is farther is given up early, for there are thousands. */
function distance(a: string, b: string, most: number): number {
  const far = most + 1;
  let before: number[] = [];
  let last: number[] = [];
  let row: number[] = [];
  for (let j = 0; j <= b.length; j++) last.push(j);
  let lastLeast = 0;
  for (let i = 1; i <= a.length; i++) {
    // what is more than `most` off the diagonal costs more than that
    const from = Math.max(1, i - most);
    const to = Math.min(b.length, i + most);
    row[from - 1] = from > 1 ? far : i;
    row[to + 1] = far;
    let least = from > 1 ? far : i;
    for (let j = from; j <= to; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1);
      row[j] = cost;
      if (cost < least) least = cost;
    }
    // a swap reaches back two rows
    if (least > most && lastLeast > most) return Infinity;
    lastLeast = least;
    [before, last, row] = [last, row, before];
  }
  return at(last, b.length);
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity;
