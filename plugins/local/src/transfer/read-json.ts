import { pipeline, Readable } from "node:stream";
import { CitadelError } from "@citadel/core/errors";
import { spool, type Spooled, type SpoolOptions } from "@citadel/core/registry";
import Assembler from "stream-json/core/assembler.js";
import parser, { type Token } from "stream-json/parser.js";
import { invalid, type Part } from "./part.ts";

/** characters besides content between two versions or packages */
const room = 64 * 2 ** 20;
const deepest = 100;
/** Characters of base64 that are decoded at a time; a multiple of 4. */
const slice = 2 ** 18;

type Json = Record<string, unknown>;

/** The parts of a JSON export, whatever the order of its keys. What is in memory is one version without its content. */
export async function* readJson(
  source: AsyncIterable<Uint8Array>,
  options: SpoolOptions,
): AsyncGenerator<Part, void, void> {
  const tokens = tokensOf(source);
  const assembler = new Assembler<unknown>();
  let tarball: Spooled | undefined;
  let text = "";
  let size = 0;
  let packages = 0;
  let versions = 0;

  try {
    for (let next = await tokens.next(); !next.done; next = await tokens.next()) {
      const token = next.value;
      size += "value" in token && typeof token.value === "string" ? token.value.length : 1;
      if (size > room) throw new CitadelError("E_TOO_LARGE", `more than ${room} characters`);
      if (token.name === "startString") {
        text = "";
        if (assembler.key !== "content" || !isVersion(assembler)) continue;
        if (tarball) throw invalid("a version has one content");
        tarball = await spool(base64(tokens), options);
        assembler.consume({ name: "stringValue", value: "" });
      } else if (token.name === "stringChunk") text += token.value;
      else if (token.name === "endString") assembler.consume({ name: "stringValue", value: text });
      else if (token.name === "endObject" && isVersion(assembler)) {
        const { manifest, readme, ...version } = assembler.current as Json;
        const where = `packages[${packages}].versions[${versions++}]`;
        if (!tarball) throw invalid(`${where} has no content`);
        const mine = tarball;
        tarball = undefined;
        yield { kind: "version", where, manifest, readme, tarball: mine };
        assembler.current = version;
        assembler.consume(token);
        size = 0;
      } else if (token.name === "endObject" && isPackage(assembler)) {
        yield { kind: "package", where: `packages[${packages++}]`, document: assembler.current };
        assembler.current = null;
        assembler.consume(token);
        (assembler.current as unknown[]).pop();
        versions = size = 0;
      } else {
        assembler.consume(token);
        if (assembler.depth > deepest) throw invalid(`it is nested deeper than ${deepest} levels`);
        // so that "__proto__" is a key like any other
        if (token.name === "startObject") Object.setPrototypeOf(assembler.current, null);
        if (token.name === "startArray" && assembler.depth === 2) {
          const { version } = assembler.stack[0] as Json;
          if (version !== undefined) yield { kind: "format", version };
        }
      }
    }
  } finally {
    await tarball?.dispose();
  }
  const { current: head } = assembler;
  if (typeof head !== "object" || head === null || !("packages" in head))
    throw invalid("this is not an export of citadel");
  yield { kind: "end", head };
}

/** Is it within `packages[i]`, and nothing deeper? */
const isPackage = ({ depth, path }: Assembler<unknown>): boolean =>
  depth === 3 && path[0] === "packages";

/** Is it within `packages[i].versions[j]`, and nothing deeper? */
const isVersion = ({ depth, path }: Assembler<unknown>): boolean =>
  depth === 5 && path[0] === "packages" && path[2] === "versions";

function tokensOf(source: AsyncIterable<Uint8Array>): AsyncIterator<Token, void> {
  async function* textOf(): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    for await (const chunk of source) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  }
  const parse = parser.asStream({ packStrings: false, streamKeys: false, streamNumbers: false });
  // failures come out of the iteration
  const tokens = pipeline(Readable.from(textOf()), parse, () => {});
  return (async function* (): AsyncGenerator<Token, void, void> {
    try {
      for await (const token of tokens as AsyncIterable<Token>) yield token;
    } catch (error) {
      if (error instanceof CitadelError) throw error;
      throw invalid(`it is not JSON, or it is cut off: ${(error as Error).message}`, error);
    }
  })();
}

/** The bytes of the string that the tokens are in. */
async function* base64(tokens: AsyncIterator<Token, void>): AsyncGenerator<Uint8Array, void, void> {
  let bytes = Buffer.allocUnsafe(slice);
  let length = 0;
  let rest = ""; // undecoded: at most one piece, because text that lives on is what costs most time
  for (;;) {
    const { done, value: token } = await tokens.next();
    if (done) throw invalid("it is cut off");
    if (token.name === "endString") break;
    if (token.name !== "stringChunk") continue;
    rest += token.value;
    const whole = rest.length - (rest.length % 4 || 4); // the end may have padding
    if (length + whole > slice) {
      yield bytes.subarray(0, length);
      bytes = Buffer.allocUnsafe(slice);
      length = 0;
    }
    length += decode(rest.slice(0, whole), bytes, length, true);
    rest = rest.slice(whole);
  }
  yield bytes.subarray(0, length);
  bytes = Buffer.allocUnsafe(rest.length);
  yield bytes.subarray(0, decode(rest, bytes, 0));
}

/** @returns bytes written. @throws E_INVALID_DOCUMENT for anything that is not base64, which Node would skip over */
function decode(text: string, into: Buffer, at: number, middle = false): number {
  const written = into.write(text, at, "base64");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  if (written !== Math.floor(((text.length - padding) * 3) / 4) || (middle && padding > 0))
    throw invalid("the content of a version is not base64");
  return written;
}
