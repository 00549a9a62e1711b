import { promisify } from "node:util";
import { brotliCompress, constants, zstdCompress } from "node:zlib";
import type { Encoding, View } from "../types.ts";

/** Finished bytes in the encodings there are. */
export interface Encoded extends Pick<View, "pick"> {
  /** bytes of the encodings that were made later */
  extra(): number;
}

/**
 * Chooses among ready encodings; brotli and zstd are made the first time somebody could use them.
 * @param ready what there is from the start; looked at each time, since a better one may take its place
 * @param grown hears that the bytes became more
 */
export function encoded(
  ready: { readonly plain: Uint8Array; readonly gzip: Uint8Array },
  grown: () => void,
  failed: (encoding: Encoding, error: unknown) => void,
): Encoded {
  const extra = new Map<Encoding, Uint8Array>();
  const asked = new Set<Encoding>();

  const prepare = (encoding: "br" | "zstd") => {
    if (asked.has(encoding)) return;
    asked.add(encoding);
    compress[encoding](ready.plain).then(
      (bytes) => {
        if (bytes.length >= ready.gzip.length) return;
        extra.set(encoding, bytes);
        grown();
      },
      (error: unknown) => failed(encoding, error),
    );
  };

  return {
    extra() {
      let size = 0;
      for (const bytes of extra.values()) size += bytes.length;
      return size;
    },
    pick(accepted) {
      let best: Encoding = "identity";
      let bytes = ready.plain;
      for (const encoding of accepted) {
        if (encoding === "identity") continue;
        const found = encoding === "gzip" ? ready.gzip : extra.get(encoding);
        if (!found) prepare(encoding as "br" | "zstd");
        else if (found.length < bytes.length) {
          best = encoding;
          bytes = found;
        }
      }
      return { encoding: best, bytes };
    },
  };
}

const brotli = promisify(brotliCompress);
const zstd = promisify(zstdCompress);
const compress = {
  br: (plain: Uint8Array): Promise<Uint8Array> =>
    brotli(plain, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: plain.length > 1024 * 1024 ? 5 : 9,
        [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
      },
    }),
  zstd: (plain: Uint8Array): Promise<Uint8Array> =>
    zstd(plain, {
      params: {
        [constants.ZSTD_c_compressionLevel]: 9,
        [constants.ZSTD_c_windowLog]: windowFor(plain.length),
      },
    }),
};

/** RFC 9659: a window of at most 8 MiB; one that is larger than the content would only take memory. */
const windowFor = (size: number): number =>
  Math.min(23, Math.max(16, Math.ceil(Math.log2(size + 1))));
