// C5: the frames of the live protocol, as bytes and as JSON; vectors that another program reads too.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeClient,
  decodeClientText,
  decodeServer,
  decodeServerText,
  encodeClient,
  encodeServer,
  encodeText,
  featureOps,
  liveErrors,
  metricFields,
  sampleOf,
  topics,
  type ClientMessage,
  type Received,
  type ServerMessage,
} from "@citadel/core/frames";
import { decodeBody, decodeHeader, defaultHeader, encodeBody, hashOf } from "@citadel/core/live";
import { root } from "../support/citadel.ts";

interface Vector {
  readonly what: string;
  readonly hex: string;
  readonly json?: unknown;
  /** code of the error that it is answered with */
  readonly invalid?: number;
}

const path = join(root, "test/live/vectors.json");
const vectors = JSON.parse(readFileSync(path, "utf8")) as {
  readonly client: readonly Vector[];
  readonly server: readonly Vector[];
  readonly header: readonly { readonly hex: string; readonly url: string }[];
  readonly file: readonly { readonly hex: string; readonly body: unknown }[];
  readonly registries: readonly { readonly input: string; readonly hash: string }[];
};
const all = [
  ...vectors.client.map((vector) => ({ side: "client" as const, ...vector })),
  ...vectors.server.map((vector) => ({ side: "server" as const, ...vector })),
];
const sides = {
  client: { decode: decodeClient, text: decodeClientText },
  server: { decode: decodeServer, text: decodeServerText },
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const encode = (side: "client" | "server", message: ClientMessage | ServerMessage): Uint8Array =>
  side === "client"
    ? encodeClient(message as ClientMessage)
    : encodeServer(message as ServerMessage);

function messageOf<M>([first, ...more]: readonly Received<M>[]): M {
  expect(more).toEqual([]);
  if (!first || "problem" in first) throw new Error(JSON.stringify(first));
  return first.message;
}

test("B5, C5: a program in another language finds in the vectors what they say", () => {
  const checker = join(root, "test/live/check_vectors.py");
  const checked = Number(execFileSync("python3", [checker, path], { encoding: "utf8" }));
  expect(checked).toBeGreaterThan(all.length);
});

test("B5: header, hash and file of the vectors", () => {
  for (const { input, hash } of vectors.registries) expect(hex(hashOf(input))).toBe(hash);
  for (const { hex: bytes, url } of vectors.header) {
    expect(hex(defaultHeader({ url, proxy: false }))).toBe(bytes);
    expect(decodeHeader(Buffer.from(bytes, "hex"))).toMatchObject({ rows: 24, cols: 80 });
  }
  for (const { hex: bytes, body } of vectors.file) {
    const file = Buffer.from(bytes, "hex");
    expect(decodeBody(file)).toEqual(body);
    expect(hex(encodeBody({ lockVersion: 1, packages: {} }))).toBe(bytes.slice(26));
  }
});

test.each(all.filter(({ json }) => json))("C5: $side: $what", ({ side, hex: bytes, json }) => {
  const { decode, text } = sides[side];
  const message = messageOf<ClientMessage | ServerMessage>(decode(Buffer.from(bytes, "hex")));
  expect(JSON.parse(encodeText(message))).toEqual(json);
  expect(text(JSON.stringify(json))).toEqual({ message });
  expect(hex(encode(side, message))).toBe(bytes);
});

test.each(all.filter(({ invalid }) => invalid))(
  "C5: $side: $what is no frame",
  ({ side, hex: bytes, invalid }) => {
    expect(sides[side].decode(Buffer.from(bytes, "hex"))).toMatchObject([
      { problem: { code: invalid } },
    ]);
  },
);

test("C5: every frame that is cut short is malformed, and says its number where that is still there", () => {
  for (const { side, hex: bytes } of all) {
    const whole = Buffer.from(bytes, "hex");
    for (let length = 0; length < whole.length; length++) {
      const [first] = sides[side].decode(whole.subarray(0, length));
      expect(first).toMatchObject({
        problem: {
          code: liveErrors.malformed,
          seq: length < 8 ? undefined : whole.readUInt32BE(4),
          of: length === 0 ? 0 : whole[0],
        },
      });
    }
  }
});

test("C5: several frames in one message are read in order, up to one that is malformed", () => {
  const good = Buffer.from("02000002000000080201", "hex");
  const unknown = Buffer.from("0900000000000005", "hex");
  const offset = Buffer.from("010000030000000963181e", "hex");
  const bad = Buffer.from("02ff0002000000080201", "hex");
  const found = decodeClient(Buffer.concat([good, unknown, offset, good, bad, good]));
  expect(found.map((each) => ("message" in each ? 0 : each.problem.code))).toEqual([0, 2, 3, 0, 1]);
});

const u8 = fc.nat(255);
const u32 = fc.nat(0xffffffff);
const seq = fc.integer({ min: 1, max: 0xffffffff });
const text = (maxBytes: number) =>
  fc
    .string({ unit: "grapheme", maxLength: maxBytes })
    .filter((value) => Buffer.byteLength(value) <= maxBytes);
const some = fc.subarray([...topics]);
const client: fc.Arbitrary<ClientMessage> = fc.oneof(
  fc.record({
    ...{ type: fc.constant("config_byte" as const), seq, force: fc.boolean() },
    ...{ offset: fc.nat(12), expect: u8, value: u8 },
  }),
  fc.record({
    ...{ type: fc.constant("feature" as const), seq },
    ...{ bit: fc.nat(31), op: fc.constantFrom(...featureOps) },
  }),
  fc.record({
    ...{ type: fc.constant("heartbeat" as const), seq },
    ...{ time: fc.maxSafeNat(), generation: u32 },
  }),
  fc.record({ type: fc.constant("command" as const), seq, line: text(1024) }),
  fc.record({ type: fc.constant("subscribe" as const), seq, topics: some }),
);
const sample = fc
  .tuple(
    fc.maxSafeNat(),
    fc.array(fc.option(fc.float({ noNaN: true, noDefaultInfinity: true })), {
      minLength: metricFields.length,
      maxLength: metricFields.length,
    }),
  )
  .map(([time, values]) => sampleOf(time, (_, n) => values[n]));
const json = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.nat(), fc.boolean()));
const body = fc.oneof(
  fc.record({
    topic: fc.constantFrom("hello", "alert", "package", "security", "notice"),
    // what JSON says of it: a key `__proto__` and -0 are its own matter
    body: json.map((value) => JSON.parse(JSON.stringify(value)) as object),
  }),
  fc.record({
    topic: fc.constant("config"),
    body: fc.record({
      bytes: fc.uint8Array({ minLength: 13, maxLength: 13 }).map(hex),
      generation: u32,
    }),
  }),
  fc.record({ topic: fc.constant("metrics"), body: sample }),
  fc.record({ topic: fc.constant("history"), body: fc.array(sample, { maxLength: 70 }) }),
  fc.record({
    topic: fc.constant("terminal"),
    body: fc.record({ command: u32, text: text(5000) }),
  }),
);
const reply = fc.boolean();
const always = fc.constant(true);
const server = fc.oneof(
  fc.record({
    ...{ type: fc.constant("config_byte"), seq, reply },
    ...{ offset: fc.nat(12), old: u8, new: u8, generation: u32 },
  }),
  fc.record({
    ...{ type: fc.constant("feature"), seq, reply },
    ...{ bit: fc.nat(31), state: fc.boolean(), flags: u32, generation: u32 },
  }),
  fc.record({
    ...{ type: fc.constant("heartbeat"), seq, reply: always },
    ...{ time: fc.maxSafeNat(), generation: u32 },
  }),
  fc.record({
    ...{ type: fc.constant("error"), seq, reply },
    ...{ code: fc.nat(0xffff), of: u8, detail: u8, text: text(512) },
  }),
  fc.record({ type: fc.constant("command"), seq, reply: always, exit: u8 }),
  fc.record({ type: fc.constant("subscribe"), seq, reply: always, topics: some }),
  fc
    .tuple(seq, body)
    .map(([number, said]) => ({ type: "broadcast", seq: number, reply: false, ...said })),
) as unknown as fc.Arbitrary<ServerMessage>;

test("C5: what is encoded is decoded to the same, as bytes and as text", () => {
  fc.assert(
    fc.property(client, (message) => {
      expect(messageOf(decodeClient(encodeClient(message)))).toEqual(message);
      expect(decodeClientText(encodeText(message))).toEqual({ message });
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(server, (message) => {
      expect(messageOf(decodeServer(encodeServer(message)))).toEqual(message);
      expect(decodeServerText(encodeText(message))).toEqual({ message });
    }),
    { numRuns: 1000 },
  );
});

test("C5: half a million random messages are read without an error being thrown", () => {
  const random = generator(20261128);
  const seeds = all.map(({ hex: bytes }) => Buffer.from(bytes, "hex"));
  const noise = Buffer.from(Uint32Array.from({ length: 50_000 }, random).buffer);
  for (let n = 0; n < 500_000; n++) {
    const at = random() % (noise.length - 64);
    let bytes = noise.subarray(at, at + (random() % 65));
    // those that begin as a frame does get further
    if (n % 2 === 0) {
      bytes = Buffer.from(seeds[random() % seeds.length] ?? []);
      bytes[random() % bytes.length] = random();
    }
    for (const decode of [decodeClient, decodeServer])
      if (!Array.isArray(decode(bytes))) throw new Error(hex(bytes));
  }
  const texts = all.flatMap(({ json: twin }) => (twin ? [JSON.stringify(twin)] : []));
  for (let n = 0; n < 20_000; n++) {
    const seed = texts[random() % texts.length] ?? "";
    const at = random() % seed.length;
    const said = `${seed.slice(0, at)}${String.fromCharCode(random() % 128)}${seed.slice(at + (random() % 3))}`;
    for (const decode of [decodeClientText, decodeServerText]) decode(said);
  }
});

/** Numbers of 32 bits that look random and are the same in each run. */
function generator(start: number): () => number {
  let state = start;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

test.each([
  ["[]", 1],
  ["{}", 1],
  ["null", 1],
  ['{"type":"feature","seq":0,"bit":1,"op":"set"}', 1],
  ['{"type":"feature","seq":1.5,"bit":1,"op":"set"}', 1],
  ['{"type":"feature","seq":1,"bit":"1","op":"set"}', 1],
  ['{"type":"feature","seq":1,"bit":1}', 1],
  ['{"type":"feature","seq":1,"bit":32,"op":"set"}', 3],
  ['{"type":"feature","seq":1,"bit":1,"op":"burn"}', 4],
  ['{"type":"feature","seq":1,"bit":1,"op":"set","reply":true}', 1],
  ['{"type":"config_byte","seq":1,"offset":13,"expect":0,"value":0}', 3],
  ['{"type":"config_byte","seq":1,"offset":1,"expect":0,"value":256}', 1],
  ['{"type":"config_byte","seq":1,"offset":1,"value":1}', 1],
  ['{"type":"broadcast","seq":1,"topic":"notice","body":{"text":""}}', 1],
  ['{"type":"constructor","seq":1}', 2],
  ['{"type":"nothing","seq":1}', 2],
  [`{"type":"command","seq":1,"line":"${"x".repeat(1025)}"}`, 4],
  ['{"type":"command","seq":1,"line":"\\ud800"}', 4],
])("C5: %s is no message", (said, code) =>
  expect(decodeClientText(said)).toMatchObject({ problem: { code } }),
);

test("C5: a long text of an error is cut between characters", () => {
  const error = { type: "error", seq: 1, reply: true, code: 10, of: 0, detail: 0 } as const;
  const message = messageOf(decodeServer(encodeServer({ ...error, text: "ü".repeat(400) + "x" })));
  expect(message).toMatchObject({ text: "ü".repeat(256) });
});

test("C5: a sample of a later version is read as far as it is known, one of an earlier version has gaps", () => {
  const later = sampleFrame([...metricFields.keys(), 99]);
  expect(messageOf(decodeServer(later))).toMatchObject({ body: { cpu: 0, wsRtt: 15 } });
  const earlier = sampleFrame([1, 2]);
  expect(messageOf(decodeServer(earlier))).toMatchObject({ body: { cpu: 1, rss: 2, wsRtt: null } });
});

function sampleFrame(values: readonly number[]): Buffer {
  const frame = Buffer.alloc(20 + 4 * values.length);
  frame.set([5, 0, 0, frame.length - 8, 0, 0, 0, 1, 2, 0, 1, values.length]);
  frame.writeDoubleBE(1_700_000_000_000, 12);
  for (const [n, value] of values.entries()) frame.writeFloatBE(value, 20 + 4 * n);
  return frame;
}
