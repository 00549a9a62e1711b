import { pipeline, type Readable, type Transform } from "node:stream";
import { CitadelError } from "../errors.ts";

/**
 * The content of a body that came encoded. Whoever stops reading ends the source as well.
 * @throws E_REMOTE_ANSWER for an encoding that nobody asked for
 */
export async function* decoded(
  source: Readable,
  encoding: string | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const decoder = await decoderOf(encoding);
  if (!decoder) {
    yield* source as AsyncIterable<Uint8Array>;
    return;
  }
  // a failure of one end destroys the other, and so reaches the reader
  pipeline(source, decoder, () => {});
  yield* decoder as AsyncIterable<Uint8Array>;
}

async function decoderOf(encoding: string | undefined): Promise<Transform | undefined> {
  const name = encoding?.trim().toLowerCase();
  if (name === undefined || name === "" || name === "identity") return undefined;
  const { createBrotliDecompress, createGunzip } = await import("node:zlib");
  if (name === "gzip" || name === "x-gzip") return createGunzip();
  if (name === "br") return createBrotliDecompress();
  throw new CitadelError("E_REMOTE_ANSWER", "the answer has an encoding that nobody asked for");
}
