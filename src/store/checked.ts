import { createHash } from "node:crypto";

/** Takes the chunks of one stream. */
export interface Gather {
  add(chunk: Uint8Array): void;
  /** only the first call counts */
  end(whole: boolean): void;
}

/**
 * The same bytes, hashed on the way: the last chunk is held back until all are known to be right, so that whoever
 * trusts a stream that ended has what was stored.
 * @param integrity one hash as SRI writes it
 * @param damaged what the stream fails with when it has another
 */
export function checked(
  source: ReadableStream<Uint8Array>,
  integrity: string,
  damaged: () => Error,
  gathered?: Gather,
): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const algorithm = integrity.slice(0, integrity.indexOf("-"));
  const hash = createHash(algorithm);
  let held: Uint8Array | undefined;

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const next = await reader.read();
            if (next.done) break;
            const ready = held;
            held = next.value;
            hash.update(held);
            gathered?.add(held);
            if (ready) return controller.enqueue(ready);
          }
          if (`${algorithm}-${hash.digest("base64")}` !== integrity) throw damaged();
        } catch (error) {
          gathered?.end(false);
          throw error;
        }
        gathered?.end(true);
        if (held) controller.enqueue(held);
        controller.close();
      },
      cancel(reason) {
        gathered?.end(false);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
