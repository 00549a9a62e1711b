import { createHash } from "node:crypto";
import { Header } from "tar/header";
import { Pax } from "tar/pax";
import type { CacheRow } from "../cache/types.ts";
import type { Outgoing } from "./contents.ts";
import { paths, type ExportHead, type ExportIndex, type SealedSecrets } from "./format.ts";

type Chunks = AsyncGenerator<Uint8Array | string, void, void>;

/** What comes after the packages. */
interface Beside {
  readonly secrets: readonly SealedSecrets[];
  readonly cache: readonly CacheRow[];
}

/** One JSON document, in which the content of each version is base64. */
export async function* jsonOf(
  head: ExportHead,
  packages: AsyncIterable<Outgoing>,
  { secrets, cache }: Beside,
): Chunks {
  yield `${open(head)},"packages":[`;
  let comma = "";
  for await (const { document, versions } of packages) {
    const { versions: _, ...rest } = document;
    yield `${comma}\n${open(rest)},"versions":[`;
    let between = "";
    for await (const { version, manifest, readme, tarball } of versions()) {
      yield `${between}\n${open({ ...version, readme })},"manifest":${manifest},"content":"`;
      yield* base64(tarball);
      yield '"}';
      between = ",";
    }
    yield "]}";
    comma = ",";
  }
  yield `\n],"secrets":${JSON.stringify(secrets)},"cache":${JSON.stringify(cache)}}\n`;
}

/** An object as JSON, to be continued. */
const open = (value: object): string => JSON.stringify(value).slice(0, -1);

async function* base64(source: AsyncIterable<Uint8Array>): Chunks {
  let rest: Uint8Array = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % 3); // what comes next may go on without padding
    rest = bytes.subarray(whole);
    yield bytes.toString("base64", 0, whole);
  }
  yield Buffer.from(rest).toString("base64");
}

/** A tar whose last entry tells that it is whole. Each package comes after the content of its versions. */
export async function* tarOf(
  head: ExportHead,
  packages: AsyncIterable<Outgoing>,
  { secrets, cache }: Beside,
): Chunks {
  const hash = createHash("sha256");
  const mtime = new Date(head.exportedAt);
  const index = { packages: 0, versions: 0, bytes: 0 };

  async function* entry(path: string, size: number, content: AsyncIterable<Uint8Array>): Chunks {
    hash.update(`${path}\n${size}\n`);
    const header = new Header({ path, size, mtime, mode: 0o600, type: "File" });
    const long = header.encode(); // what has no room in it goes into one of its own before
    if (long) yield new Pax({ path, size, mtime }).encode();
    yield header.block ?? Buffer.alloc(0);
    for await (const chunk of content) {
      hash.update(chunk);
      yield chunk;
    }
    yield Buffer.alloc(-size & 511);
  }
  const file = (path: string, text: string): Chunks => {
    const bytes = Buffer.from(text);
    return entry(path, bytes.length, once(bytes));
  };

  yield* file(paths.head, pretty(head));
  for await (const { document, versions } of packages) {
    const folder = `packages/${document.name}`;
    for await (const { version, manifest, readme, tarball } of versions()) {
      const at = `${folder}/${version.version}`;
      yield* file(`${at}/manifest.json`, manifest);
      if (readme !== undefined) yield* file(`${at}/README.md`, readme);
      yield* entry(`${at}/package.tgz`, version.size, tarball);
      index.versions++;
      index.bytes += version.size;
    }
    yield* file(`${folder}/package.json`, pretty(document));
    index.packages++;
  }
  yield* file(paths.secrets, pretty(secrets));
  yield* file(paths.cache, pretty(cache));
  const sha256 = hash.copy().digest("base64");
  yield* file(paths.index, pretty({ ...index, sha256 } satisfies ExportIndex));
  yield Buffer.alloc(1024);
}

const pretty = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

async function* once<T>(value: T): AsyncGenerator<T, void, void> {
  yield value;
}
