/** `size` bytes that no other seed gives. */
export function bodyOf(seed: number, size: number): Uint8Array {
  const body = new Uint8Array(size);
  let state = seed;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    body[at] = state >>> 24;
  }
  return body;
}

/** The same as a source of chunks. */
export async function* chunksOf(seed: number, size: number): AsyncGenerator<Uint8Array> {
  const body = bodyOf(seed, size);
  for (let at = 0; at < size; at += 100_000) {
    await new Promise((resolve) => setImmediate(resolve));
    yield body.subarray(at, at + 100_000);
  }
}
