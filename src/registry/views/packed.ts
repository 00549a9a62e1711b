import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Form, PackageDocument } from "../types.ts";
import type { Built } from "./build.ts";
import { GZIP_HEAD, GZIP_TAIL } from "./gzip.ts";
import { head } from "./parts.ts";

const inflate = promisify(gunzip);

/** Where things lie in the bytes of a view; lengths in bytes. */
interface Layout {
  /** of the plain text of each version, in the order of the document */
  readonly fragments: readonly number[];
  /** versions in each run, and length and level of the run compressed */
  readonly runs: readonly (readonly [versions: number, length: number, level: number])[];
  readonly tail: readonly [length: number, level: number];
}

/** A view as caches keep it: one line that says where things lie, then the gzip, which holds the plain bytes. */
export function packed({ segments, tail, gzip }: Built): Uint8Array {
  const layout: Layout = {
    fragments: segments.flatMap((run) => run.fragments.map(({ start, end }) => end - start)),
    runs: segments.map(({ fragments, deflated }) => [
      fragments.length,
      deflated.bytes.length,
      deflated.level,
    ]),
    tail: [tail.deflated.bytes.length, tail.deflated.level],
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(layout)}\n`), gzip]);
}

/** The view again, checked against the document that it is of; undefined when it does not fit or is damaged. */
export async function unpacked(
  bytes: Uint8Array,
  form: Form,
  document: PackageDocument,
): Promise<Built | undefined> {
  try {
    const end = bytes.indexOf(0x0a);
    const gzip = bytes.subarray(end + 1);
    const layout = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString("utf8")) as Layout;
    const plain = await inflate(gzip); // checks the CRC
    const crc = Buffer.from(gzip.subarray(-GZIP_TAIL)).readUInt32LE(0);
    return restore(layout, plain, gzip, crc, form, document);
  } catch {
    return undefined;
  }
}

function restore(
  { fragments, runs, tail }: Layout,
  plain: Uint8Array,
  gzip: Uint8Array,
  crc: number,
  form: Form,
  document: PackageDocument,
): Built | undefined {
  const versions = [...document.state.versions];
  if (fragments.length !== versions.length) return undefined;
  let at = head(form, document.name).length;
  let coded = GZIP_HEAD;
  let next = 0;
  const cut = ([length, level]: readonly [number, number]) => {
    const bytes = gzip.subarray(coded, coded + length);
    coded += length;
    return { bytes, level };
  };
  const segments = runs.map(([count, length, level], index) => {
    const start = index === 0 ? 0 : at;
    const members = versions.slice(next, next + count).map(([version, record]) => {
      if (next > 0) at++; // the comma
      const from = at;
      at += fragments[next++] ?? NaN;
      return { version, record, start: from, end: at };
    });
    return { fragments: members, start, end: at, deflated: cut([length, level]) };
  });
  const ending = { start: at, deflated: cut(tail) };
  const whole = next === versions.length && plain[at] === 0x7d && coded + GZIP_TAIL === gzip.length;
  return whole ? { document, plain, crc, segments, tail: ending, gzip } : undefined;
}
