import { CitadelError } from "@citadel/core";
import { spool, tarballOf, type Room, type Tarball } from "@citadel/core/registry";
import { getManyValues, isMany, none } from "stream-chain/defs.js";
import Assembler from "stream-json/core/assembler.js";
import { jsonParser, type Token } from "stream-json/core/parser.js";
import {
  bodyOf,
  countJson,
  isCoded,
  lengthOf,
  parseJson,
  bodyTooLarge,
  small,
  smallText,
  type Json,
} from "../http/body.ts";

/** Bytes of a body besides its tarball: a document of thousands of versions is sent back whole. */
const beside = 32 * 2 ** 20;
/** Characters of base64 that are decoded at a time; a multiple of 4. */
const slice = 2 ** 18;

export interface UploadOptions {
  /** bytes of a tarball */
  readonly limit: number;
  /** folder of temporary files */
  readonly dir: string;
  /** that all of them together may take */
  readonly room: Room;
  /** in which field its base64 stands @default the one attachment that is called `….tgz` */
  readonly field?: string;
}

/** A document that a client put, with the tarball that came in it. */
export interface Upload extends AsyncDisposable {
  /** attachments without their data */
  readonly document: Json;
  readonly tarball: { readonly file: string; readonly content: Tarball } | undefined;
}

/**
 * Reads `PUT /<name>`. A large body is parsed while it comes in and its tarball goes to a temporary file, so that memory does
 * not grow with it. When it fails nothing is left behind.
 * @throws E_TOO_LARGE, E_BAD_REQUEST, E_INVALID_DOCUMENT, E_CANCELLED
 */
export async function readUpload(request: Request, options: UploadOptions): Promise<Upload> {
  const limit = Math.ceil((options.limit * 4) / 3) + beside;
  const length = lengthOf(request, limit, () => tooLarge(options.limit));
  if (length !== undefined && length <= small && !isCoded(request)) {
    return takeTarball(parseJson(await smallText(request)), options);
  }
  return readLarge(
    bodyOf(request, limit, () => tooLarge(options.limit)),
    options,
  );
}

/** Several documents in one body. */
export interface Uploads extends AsyncDisposable {
  readonly items: readonly Upload[];
}

/**
 * The same for one document a line, as JSON has no line ends of its own. Tarballs go to temporary files one after another.
 * @param most documents
 * @throws as {@link readUpload}
 */
export async function readUploads(
  request: Request,
  options: UploadOptions & { readonly most: number; readonly total: number },
): Promise<Uploads> {
  const each = Math.ceil((options.limit * 4) / 3) + beside;
  const total = Math.ceil((options.total * 4) / 3) + beside;
  lengthOf(request, total);
  await using kept = new AsyncDisposableStack();
  const items: Upload[] = [];
  for await (const line of linesOf(bodyOf(request, total), each, () => tooLarge(options.limit))) {
    if (items.length === options.most)
      throw invalid(`a batch has at most ${options.most} packages`);
    items.push(kept.use(await readLarge(line, options)));
  }
  const moved = kept.move();
  return { items, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** A stream cut at its line ends; each line has to be read to its end before the next. Blank ones are left out. */
async function* linesOf(
  source: AsyncGenerator<Uint8Array>,
  most: number,
  over: () => CitadelError,
): AsyncGenerator<AsyncGenerator<Uint8Array>, void, void> {
  let rest: Uint8Array | undefined;
  const more = async (): Promise<Uint8Array | undefined> => {
    const next = rest ?? (await source.next()).value ?? undefined;
    rest = undefined;
    return next;
  };
  async function* line(): AsyncGenerator<Uint8Array, void, void> {
    let size = 0;
    for (let chunk = await more(); chunk; chunk = await more()) {
      const end = chunk.indexOf(0x0a);
      if (end >= 0) rest = chunk.subarray(end + 1);
      const part = end < 0 ? chunk : chunk.subarray(0, end);
      if ((size += part.length) > most) throw over();
      yield part;
      if (end >= 0) return;
    }
  }
  try {
    for (;;) {
      let first = await more();
      while (first && (first.length === 0 || first[0] === 0x0a || first[0] === 0x0d)) {
        rest = first.length > 1 ? first.subarray(1) : undefined;
        first = await more();
      }
      if (!first) return;
      rest = first;
      yield line();
    }
  } finally {
    await source.return(undefined);
  }
}

function takeTarball(document: Json, { limit, field }: UploadOptions): Upload {
  let tarball: Upload["tarball"];
  if (field !== undefined) {
    const data = isObject(document) ? document[field] : undefined;
    if (typeof data !== "string") return { document, tarball, async [Symbol.asyncDispose]() {} };
    const content = tarballOf(decode(data));
    if (content.size > limit) throw tooLarge(limit);
    const without = { ...(document as { [key: string]: Json }), [field]: "" };
    return {
      document: without,
      tarball: { file: field, content },
      async [Symbol.asyncDispose]() {},
    };
  }
  for (const [file, attachment] of entriesOf(attachmentsOf(document))) {
    if (!isTarball(file)) continue;
    if (tarball) throw several();
    const data = isObject(attachment) ? attachment["data"] : undefined;
    if (typeof data !== "string") throw invalid("the tarball has no data");
    const content = tarballOf(decode(data));
    if (content.size > limit) throw tooLarge(limit);
    tarball = { file, content };
    (attachment as { [key: string]: Json })["data"] = "";
  }
  return { document, tarball, async [Symbol.asyncDispose]() {} };
}

async function readLarge(
  body: AsyncGenerator<Uint8Array>,
  options: UploadOptions,
): Promise<Upload> {
  const tokens = tokensOf(body);
  const assembler = new Assembler<Json>();
  const counter = countJson();
  let spooled: Awaited<ReturnType<typeof spool>> | undefined;
  let file: string | undefined;
  let text = "";
  let size = 0;
  try {
    for (let token = await tokens.next(); token; token = tokens.ready() ?? (await tokens.next())) {
      if (token.name === "startString") {
        const name = nameIn(assembler, options);
        if (name !== undefined) {
          if (file !== undefined) throw several();
          file = name;
          spooled = await spool(base64(tokens), options);
          assembler.consume({ name: "stringValue", value: "" });
        }
        text = "";
      } else if (token.name === "stringChunk") {
        text += token.value;
        if ((size += token.value.length) > beside) throw bodyTooLarge(beside);
      } else if (token.name === "endString")
        assembler.consume({ name: "stringValue", value: text });
      else {
        if (token.name === "keyValue") counter.key(token.value);
        assembler.consume(token);
        counter.depth(assembler.depth);
        if (++size > beside) throw bodyTooLarge(beside);
      }
    }
    if (!assembler.done) throw invalid("the document ends too early");
    return {
      document: assembler.current as Json,
      tarball: file === undefined || !spooled ? undefined : { file, content: spooled },
      [Symbol.asyncDispose]: async () => spooled?.dispose(),
    };
  } catch (error) {
    await spooled?.dispose();
    await body.return(undefined);
    throw error;
  }
}

/** What a tarball is called whose data comes next; undefined when it is another text that does. */
function nameIn(
  { key, depth, path }: Assembler<Json>,
  { field }: UploadOptions,
): string | undefined {
  if (field !== undefined) return depth === 1 && key === field ? field : undefined;
  const [top, name] = key === "data" && depth === 3 ? path : [];
  return top === "_attachments" && isTarball(String(name)) ? String(name) : undefined;
}

interface Tokens {
  /** the next one, undefined at the end */
  next(): Promise<Token | undefined>;
  /** the next one if it has been parsed already */
  ready(): Token | undefined;
}

function tokensOf(body: AsyncGenerator<Uint8Array>): Tokens {
  const parse = jsonParser({ packStrings: false, streamKeys: false, streamNumbers: false });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let batch: readonly Token[] = [];
  let at = 0;
  let ended = false;
  const more = (input: string | typeof none): void => {
    const made = parse(input as string);
    batch = isMany(made) ? (getManyValues(made) as Token[]) : [];
    at = 0;
  };
  return {
    ready: () => batch[at++],
    async next() {
      while (at >= batch.length && !ended) {
        const { done, value } = await body.next();
        try {
          more(done ? decoder.decode() : decoder.decode(value, { stream: true }));
          if (done) {
            const last = batch;
            more(none);
            batch = [...last, ...batch];
            ended = true;
          }
        } catch (error) {
          throw new CitadelError("E_BAD_REQUEST", "the body is not JSON", { cause: error });
        }
      }
      return batch[at++];
    },
  };
}

/** The bytes of the string that the tokens are in. */
async function* base64(tokens: Tokens): AsyncGenerator<Uint8Array, void, void> {
  let text = "";
  for (;;) {
    const token = tokens.ready() ?? (await tokens.next());
    if (token?.name === "stringChunk") text += token.value;
    if (token?.name === "endString") break;
    if (!token) throw invalid("the tarball ends too early");
    if (text.length < slice) continue;
    const whole = text.length - (text.length % 4 || 4); // the end may have padding
    yield decode(text.slice(0, whole), true);
    text = text.slice(whole);
  }
  if (text !== "") yield decode(text);
}

/** @throws E_INVALID_DOCUMENT for anything that is not base64, which Node would skip over */
function decode(data: string, middle = false): Uint8Array {
  const bytes = Buffer.from(data, "base64");
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
  const expected = Math.floor(((data.length - padding) * 3) / 4);
  if (bytes.length !== expected || (middle && padding > 0))
    throw invalid("the data of the tarball is not base64");
  return bytes;
}

/** `_attachments` of a document, if it has any. */
export function attachmentsOf(document: Json): Json | undefined {
  return isObject(document) ? document["_attachments"] : undefined;
}

export function isObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isTarball = (file: string): boolean => file.endsWith(".tgz");
const entriesOf = (value: Json | undefined): [string, Json][] =>
  isObject(value) ? Object.entries(value) : [];
const invalid = (message: string): CitadelError => new CitadelError("E_INVALID_DOCUMENT", message);
const tooLarge = (limit: number): CitadelError =>
  new CitadelError("E_TOO_LARGE", `the tarball has more than ${limit} bytes`);
const several = (): CitadelError => invalid("a publish carries one tarball");
