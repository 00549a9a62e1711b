import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** bytes that a reader gets at a time */
const PIECE = 256 * 1024;

export interface FlightOptions {
  readonly source: AsyncIterable<Uint8Array>;
  /** bytes that were announced */
  readonly size: number;
  /** hash that the content has to have, as SRI writes it */
  readonly integrity: string;
  /** folder of the temporary file; made when it is not there */
  readonly dir: string;
  /** what it fails with when other content came */
  readonly damaged: () => Error;
  /** called with the checked content before its file goes; what it throws is nobody's business */
  readonly keep: (content: () => AsyncIterable<Uint8Array>) => Promise<void>;
}

/** Content on its way in, on disk, for any number of readers at their own pace; memory does not grow with it. */
export interface Flight {
  /** A stream from the first byte. Its last byte comes when all are known to be right; else it fails. */
  reader(): ReadableStream<Uint8Array>;
  /** Settles when the content is known to be right, or not. */
  readonly checked: Promise<void>;
  /** Resolves when everything is over but for readers. */
  readonly over: Promise<void>;
}

/** Takes content in and checks it. It comes to its end even when nobody reads any more, for those who will ask next. */
export function createFlight(options: FlightOptions): Flight {
  const { source, size, integrity, dir, damaged, keep } = options;
  const path = join(dir, `upstream-${process.pid}-${randomUUID()}`);
  let file: FileHandle | undefined;
  let written = 0;
  let right = false;
  let failure: unknown;
  let users = 1;
  let waiting = Promise.withResolvers<void>();

  const wake = (): void => {
    waiting.resolve();
    waiting = Promise.withResolvers();
  };
  const leave = async (): Promise<void> => {
    if (--users > 0) return;
    await file?.close();
    await rm(path, { force: true });
  };

  const take = async (): Promise<void> => {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    file = await open(path, "wx+", 0o600);
    const algorithm = integrity.slice(0, integrity.indexOf("-"));
    const hash = createHash(algorithm);
    for await (const chunk of source) {
      if (written + chunk.byteLength > size) throw damaged();
      hash.update(chunk);
      await file.write(chunk, 0, chunk.byteLength, written);
      written += chunk.byteLength;
      wake();
    }
    if (written !== size || `${algorithm}-${hash.digest("base64")}` !== integrity) throw damaged();
  };
  const checked = take().then(
    () => {
      right = true;
      wake();
    },
    (error: unknown) => {
      failure = error;
      wake();
      throw error;
    },
  );
  const over = checked
    .then(() => keep(() => pieces()))
    .catch(() => {})
    .then(leave)
    .catch(() => {});

  /** The next piece behind `from`; waits until there is one. Undefined at the end. */
  async function piece(from: number): Promise<Uint8Array | undefined> {
    for (;;) {
      if (failure !== undefined) throw failure;
      const end = Math.min(right ? size : Math.min(written, size - 1), from + PIECE);
      if (end > from && file) {
        const bytes = new Uint8Array(end - from);
        const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, from);
        return bytes.subarray(0, bytesRead);
      }
      if (right) return undefined;
      await waiting.promise;
    }
  }
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    let at = 0;
    for (let next = await piece(at); next; next = await piece(at)) {
      at += next.byteLength;
      yield next;
    }
  }

  return {
    checked,
    over,
    reader() {
      users++;
      let at = 0;
      let left = false;
      const done = async (): Promise<void> => {
        if (left) return;
        left = true;
        await leave();
      };
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            try {
              const next = await piece(at);
              if (next) {
                at += next.byteLength;
                return controller.enqueue(next);
              }
              controller.close();
            } catch (error) {
              controller.error(error);
            }
            await done();
          },
          cancel: done,
        },
        { highWaterMark: 0 },
      );
    },
  };
}
