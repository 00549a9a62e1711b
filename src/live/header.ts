import { createHash } from "node:crypto";
import { CitadelError } from "../errors.ts";
import {
  byteFields,
  features,
  headerLength,
  hex,
  terminalModes,
  type Feature,
  type TerminalMode,
} from "./fields.ts";

export const hashOffset = 0x01;
export const hashLength = 4;
export const flagsOffset = 0x05;
const lastFlagByte = 0x08;
export const reservedOffset = 0x0c;

/** What the thirteen bytes say. */
export interface ConfigBytes {
  /** 0 to 255, the user's own */
  readonly version: number;
  /** first four bytes of the SHA-256 of the registry's address, hex; says which it is and proves nothing */
  readonly registryHash: string;
  /** u32; bits 8 to 31 are kept as they are */
  readonly flags: number;
  readonly features: Readonly<Record<Feature, boolean>>;
  readonly terminalMode: TerminalMode;
  readonly rows: number;
  readonly cols: number;
  readonly reserved: number;
}

/** Where the bit of a feature lies: the byte, and the bit in it, 0 the least. */
export function placeOf(bit: number): { readonly offset: number; readonly mask: number } {
  return { offset: lastFlagByte - (bit >> 3), mask: 1 << (bit & 7) };
}

const bun = Buffer.from("#!/usr/bin/env bun");

/** @throws E_CONFIG for a lockfile of Bun, whose name is nearly ours */
export function demandOurs(bytes: Uint8Array): void {
  if (bun.equals(bytes.subarray(0, bun.length)))
    throw new CitadelError("E_CONFIG", "this is a lockfile of Bun, not the configuration", {
      hint: ["move it away: without a file the defaults count"],
    });
}

/** @throws E_CONFIG when a byte may not be what it is */
export function decodeHeader(bytes: Uint8Array): ConfigBytes {
  demandOurs(bytes);
  const [problem] = headerProblems(bytes);
  if (problem)
    throw new CitadelError("E_CONFIG", problem.message, {
      hint: ["see what would be changed: citadel config:repair --dry-run"],
    });
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, headerLength);
  const flags = view.readUInt32BE(flagsOffset);
  const on = features.map((name, bit) => [name, (flags & (1 << bit)) !== 0] as const);
  return {
    version: view.readUInt8(byteFields.version.offset),
    registryHash: view.toString("hex", hashOffset, hashOffset + hashLength),
    flags,
    features: Object.fromEntries(on) as Record<Feature, boolean>,
    terminalMode: terminalModes[view.readUInt8(byteFields.terminalMode.offset)] ?? "disabled",
    rows: view.readUInt8(byteFields.rows.offset),
    cols: view.readUInt8(byteFields.cols.offset),
    reserved: view.readUInt8(reservedOffset),
  };
}

export interface HeaderProblem {
  readonly offset: number;
  readonly message: string;
}

/** What must not stand where it stands, in order; a header that is cut short is one problem. */
export function headerProblems(bytes: Uint8Array): readonly HeaderProblem[] {
  if (bytes.length < headerLength)
    return [
      {
        offset: bytes.length,
        message: `the configuration has ${bytes.length} bytes, not ${headerLength}`,
      },
    ];
  return Object.entries(byteFields).flatMap(([name, { offset, least, most }]) => {
    const value = bytes[offset] ?? 0;
    return value >= least && value <= most
      ? []
      : [{ offset, message: `byte ${hex(offset)} (${name}) is ${value}, not ${least} to ${most}` }];
  });
}

export interface Defaults {
  /** address of this registry */
  readonly url: string;
  /** other registries are configured */
  readonly proxy: boolean;
}

/** Version 1, a private registry with cache, metrics and logging, a cooked terminal of 24 × 80. */
export function defaultHeader({ url, proxy }: Defaults): Buffer {
  const bytes = Buffer.alloc(headerLength);
  bytes.writeUInt8(1, byteFields.version.offset);
  bytes.set(hashOf(url), hashOffset);
  const on: readonly Feature[] = ["PRIVATE_REGISTRY", "CACHE_ENABLED", "METRICS", "LOGGING"];
  for (const [bit, name] of features.entries()) {
    const { offset, mask } = placeOf(bit);
    if (on.includes(name) || (proxy && name === "PROXY_MODE"))
      bytes[offset] = (bytes[offset] ?? 0) | mask;
  }
  bytes.writeUInt8(terminalModes.indexOf("cooked"), byteFields.terminalMode.offset);
  bytes.writeUInt8(24, byteFields.rows.offset);
  bytes.writeUInt8(80, byteFields.cols.offset);
  return bytes;
}

/** First four bytes of the SHA-256 of the address in its plainest form. @throws E_INVALID_DOCUMENT */
export function hashOf(url: string): Buffer {
  return createHash("sha256").update(plainUrl(url)).digest().subarray(0, hashLength);
}

/** Without user, query, fragment and default port, and with one slash at its end. @throws E_INVALID_DOCUMENT */
export function plainUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CitadelError(
      "E_INVALID_DOCUMENT",
      `${JSON.stringify(text.slice(0, 200))} is no http or https address`,
    );
  return `${url.origin}${url.pathname.replace(/\/*$/, "/")}`;
}

/** The same header with other bytes from `offset` on. */
export const withBytes = (header: Buffer, offset: number, bytes: Buffer): Buffer =>
  Buffer.concat([header.subarray(0, offset), bytes, header.subarray(offset + bytes.length)]);

/** What stands in another header where it differs; the four bytes of the hash are one place. */
export function* runs(
  before: Buffer,
  after: Buffer,
): Generator<readonly [at: number, bytes: number[]]> {
  for (let at = 0; at < headerLength; at++) {
    if (before[at] === after[at]) continue;
    const inHash = at >= hashOffset && at < hashOffset + hashLength;
    const end = inHash ? hashOffset + hashLength : at + 1;
    const from = inHash ? hashOffset : at;
    yield [from, [...after.subarray(from, end)]];
    at = end - 1;
  }
}
