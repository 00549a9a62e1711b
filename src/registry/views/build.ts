import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { CitadelError } from "../../errors.ts";
import type { Manifests } from "../../store/types.ts";
import type { Form, PackageDocument, VersionRecord } from "../types.ts";
import { deflateEnd, deflatePart, gzipOf, type Deflated } from "./gzip.ts";
import { fragment, head, tail, type About } from "./parts.ts";

/** One version inside the plain bytes, without the comma before it. */
interface Fragment {
  readonly version: string;
  readonly record: VersionRecord;
  readonly start: number;
  readonly end: number;
}

/** A run of versions that is compressed by itself and kept for as long as none of them changes. */
interface Segment {
  readonly fragments: readonly Fragment[];
  /** offsets in the plain bytes */
  readonly start: number;
  readonly end: number;
  deflated: Deflated;
}

/** One form of one document, finished. */
export interface Built {
  readonly document: PackageDocument;
  readonly plain: Uint8Array;
  readonly crc: number;
  readonly segments: readonly Segment[];
  readonly tail: { readonly start: number; deflated: Deflated };
  gzip: Uint8Array;
}

/** versions in a full segment */
const RUN = 64;
/** Above this many new bytes the first answer goes out at level 1 and is replaced when the better one is ready. */
const QUICK = 128 * 1024;
const GOOD_LEVEL = 6;
/** ms of work between two turns of the event loop */
const SLICE = 4;
/** manifests read at a time */
const WINDOW = 64;

/**
 * Makes the bytes of a form from stored manifests, taking over whatever the view before it has already.
 * Costs memory copies and the compression of what is new; turns the event loop while it works.
 */
export async function build(
  manifests: Manifests,
  form: Form,
  base: string,
  document: PackageDocument,
  about: About | undefined,
  previous: Built | undefined,
): Promise<Built> {
  const { name, state } = document;
  const known = new Map<string, Fragment>();
  for (const segment of previous?.segments ?? [])
    for (const old of segment.fragments) known.set(old.version, old);

  const made = new Map<string, Uint8Array>();
  const missing = [...state.versions].filter(([version, record]) => {
    const old = known.get(version);
    return !old || !sameRecord(old.record, record);
  });
  let slice = performance.now();
  for (let at = 0; at < missing.length; at += WINDOW) {
    const window = missing.slice(at, at + WINDOW);
    const stored = await Promise.all(window.map(([, record]) => manifests.get(record.manifest)));
    for (const [n, [version, record]] of window.entries()) {
      const bytes = stored[n];
      if (!bytes)
        throw new CitadelError("E_INTEGRITY", `the manifest of ${name}@${version} is missing`);
      made.set(version, fragment(form, name, base, version, record, bytes));
      if (performance.now() - slice > SLICE) {
        await nextTurn();
        slice = performance.now();
      }
    }
  }

  const pieces: Uint8Array[] = [];
  let length = 0;
  const push = (bytes: Uint8Array) => {
    pieces.push(bytes);
    length += bytes.length;
  };
  push(head(form, name));
  const runs = plan(state.versions, previous).map(({ versions, kept }, index) => {
    const start = index === 0 ? 0 : length;
    const fragments = versions.map(([version, record], n): Fragment => {
      if (index > 0 || n > 0) push(comma);
      const old = known.get(version);
      const from = length;
      push(made.get(version) ?? previous!.plain.subarray(old!.start, old!.end));
      return { version, record, start: from, end: length };
    });
    return { fragments, kept, start, end: length };
  });
  const tailStart = length;
  push(tail(form, document, about));
  const plain = Buffer.concat(pieces, length);

  const fresh = length - runs.reduce((sum, run) => sum + (run.kept ? run.end - run.start : 0), 0);
  const level = fresh > QUICK ? 1 : GOOD_LEVEL;
  const [end, ...parts] = await Promise.all([
    deflateEnd(plain.subarray(tailStart), level),
    ...runs.map((run) => run.kept ?? deflatePart(plain.subarray(run.start, run.end), level)),
  ]);
  const crc = crc32(plain);
  return {
    document,
    plain,
    crc,
    segments: runs.map(({ fragments, start, end: stop }, n) => ({
      fragments,
      start,
      end: stop,
      deflated: parts[n]!,
    })),
    tail: { start: tailStart, deflated: end },
    gzip: gzipOf([...parts, end], crc, length),
  };
}

/** Compresses again what went out in a hurry. @returns whether there was anything */
export async function improve(built: Built): Promise<boolean> {
  const hurried = built.segments.filter((segment) => segment.deflated.level < GOOD_LEVEL);
  if (hurried.length === 0 && built.tail.deflated.level >= GOOD_LEVEL) return false;
  for (const segment of hurried)
    segment.deflated = await deflatePart(
      built.plain.subarray(segment.start, segment.end),
      GOOD_LEVEL,
    );
  built.tail.deflated = await deflateEnd(built.plain.subarray(built.tail.start), GOOD_LEVEL);
  const parts = [...built.segments.map((segment) => segment.deflated), built.tail.deflated];
  built.gzip = gzipOf(parts, built.crc, built.plain.length);
  return true;
}

interface Run {
  readonly versions: readonly (readonly [string, VersionRecord])[];
  /** the compressed run of the view before, when not a byte of it changed */
  readonly kept?: Deflated;
}

/** Which versions stand in which run: full runs stay as they were, so that one change costs one run. */
function plan(
  versions: ReadonlyMap<string, VersionRecord>,
  previous: Built | undefined,
): readonly Run[] {
  const before = new Map<string, Segment>();
  for (const segment of previous?.segments ?? [])
    if (segment.fragments.length >= RUN)
      for (const { version } of segment.fragments) before.set(version, segment);

  const groups: { segment: Segment | undefined; versions: [string, VersionRecord][] }[] = [];
  for (const entry of versions) {
    const segment = before.get(entry[0]);
    let group = groups.at(-1);
    if (!group || group.segment !== segment || (!segment && group.versions.length >= RUN)) {
      group = { segment, versions: [] };
      groups.push(group);
    }
    group.versions.push(entry);
  }
  if (groups.length === 0) groups.push({ segment: undefined, versions: [] });
  return groups.map((group, index) => {
    const { segment, versions: members } = group;
    const same =
      segment?.fragments.length === members.length &&
      (index === 0) === (segment.start === 0) &&
      segment.fragments.every(
        ({ version, record }, n) =>
          version === members[n]![0] && sameRecord(record, members[n]![1]),
      );
    return same ? { versions: members, kept: segment.deflated } : { versions: members };
  });
}

/** Whether both give the same fragment. */
function sameRecord(a: VersionRecord, b: VersionRecord): boolean {
  return (
    a === b ||
    (a.manifest === b.manifest &&
      a.deprecated === b.deprecated &&
      a.signature?.sig === b.signature?.sig &&
      a.attestations?.bundles === b.attestations?.bundles)
  );
}

const comma = Buffer.from(",");
