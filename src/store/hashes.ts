import { createHash } from "node:crypto";
import { StoreError, type Driver, type Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";

export interface Hash {
  readonly algorithm: "sha512" | "sha256";
  readonly hex: string;
}

/** The hash that a key of a blob or manifest is made of. */
export function nameOf(key: Key): Hash | undefined {
  const [, blob, manifest] =
    /^(?:b\/sha512\/..\/([0-9a-f]{128})|m\/sha256\/..\/([0-9a-f]{64}))$/.exec(key) ?? [];
  if (blob) return { algorithm: "sha512", hex: blob };
  return manifest ? { algorithm: "sha256", hex: manifest } : undefined;
}

/** The hash of what lies there; undefined when nothing does. `seen` is told the bytes of each chunk. */
export async function hashOf(
  driver: Driver,
  key: Key,
  algorithm: Hash["algorithm"],
  signal?: AbortSignal,
  seen: (size: number) => void = () => {},
): Promise<Hash | undefined> {
  const opened = await driver.read(key);
  if (!opened) return undefined;
  const hash = createHash(algorithm);
  for await (const chunk of opened.stream) {
    signal?.throwIfAborted();
    hash.update(chunk);
    seen(chunk.byteLength);
  }
  return { algorithm, hex: hash.digest("hex") };
}

/** The same chunks; fails at the end when they are not what was wanted. */
export async function* checked(
  source: AsyncIterable<Uint8Array>,
  key: Key,
  { algorithm, hex }: Hash,
  step: (size: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash(algorithm);
  for await (const chunk of source) {
    hash.update(chunk);
    step(chunk.byteLength);
    yield chunk;
  }
  if (hash.digest("hex") === hex) return;
  if (!nameOf(key)) throw new StoreError("CHANGED", `${key} changed while it was read`, { key });
  throw new CitadelError("E_INTEGRITY", `the source's ${key} does not hold what its name says`, {
    hint: ["find the damage in the source: citadel verify --store <source>"],
  });
}
