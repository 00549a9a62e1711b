import { randomBytes, randomInt } from "node:crypto";
import { inspect } from "node:util";
import { createMask, fewestBytes, formsOf, type Mask } from "@citadel/core/mask";
import { describe, expect, test } from "vitest";

/** What a stream makes of pieces. */
async function through(mask: Mask, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const stream = mask.stream();
  for (const piece of pieces) stream.write(piece);
  stream.end();
  return Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
}

function cut(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = randomInt(1, 3) === 1 ? 1 : randomInt(1, 40);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const pick = <T>(list: readonly T[]): T => list[randomInt(list.length)] as T;
const letters = {
  plain: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
  signs: `!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~ `,
  others: "äöüßéñ中文😀\u2028\u0001\t",
};

function text(size: number): string {
  let made = "";
  const from = pick([
    letters.plain,
    letters.plain + letters.signs,
    letters.plain + letters.signs + letters.others,
  ]);
  const all = Array.from(from);
  while (Buffer.byteLength(made) < size) made += pick(all);
  return made;
}

/** How others write a value; each gives the text and what of it is the value's. */
const encodings: Readonly<Record<string, (value: string) => string>> = {
  plain: (value) => value,
  base64: (value) => Buffer.from(value).toString("base64"),
  "base64 of user:value": (value) => Buffer.from(`user:${value}`).toString("base64"),
  "base64 of u:value": (value) => Buffer.from(`u:${value}!`).toString("base64"),
  "base64url of x:value": (value) => Buffer.from(`x${value}`).toString("base64url"),
  base64url: (value) => Buffer.from(value).toString("base64url"),
  hex: (value) => Buffer.from(value).toString("hex"),
  HEX: (value) => Buffer.from(value).toString("hex").toUpperCase(),
  "URL component": (value) => encodeURIComponent(value),
  URL: (value) => encodeURI(value),
  "form field": (value) => new URLSearchParams({ value }).toString().slice("value=".length),
  JSON: (value) => JSON.stringify({ value }),
  "JSON in JSON": (value) => JSON.stringify(JSON.stringify({ value })),
  "ASCII JSON": (value) =>
    JSON.stringify(value).replace(
      /[\u007f-\uffff]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  "password in a URL": (value) => {
    const url = new URL("https://host.example/");
    url.username = "user";
    url.password = value;
    return url.href;
  },
  "console.log of an object": (value) =>
    inspect({ value }, { maxStringLength: null, breakLength: Infinity }),
};

/** The longest run of bytes of a form that is still there. */
function left(output: Buffer, value: Buffer): string | undefined {
  return formsOf(value)
    .find((form) => output.includes(form))
    ?.toString("latin1");
}

describe("D5: values do not come out", () => {
  test("vault attack 10: thousands of random values, encodings and cuts", async () => {
    for (let round = 0; round < 400; round++) {
      const values = Array.from({ length: randomInt(1, 5) }, () => text(randomInt(6, 120)));
      const mask = createMask(
        values.map((value, n) => ({ name: `name/${n}`, value: Buffer.from(value) })),
      );
      for (const [encoding, encode] of Object.entries(encodings)) {
        const parts: string[] = [];
        for (const value of values) parts.push(text(randomInt(0, 30)), encode(value));
        const whole = Buffer.from(parts.join(pick(["", "\n", " ", '"'])));
        const output = await through(mask, cut(whole));
        for (const value of values) {
          expect(left(output, Buffer.from(value)), `${encoding}: ${JSON.stringify(value)}`).toBe(
            undefined,
          );
          // what is encoded from the outside, not by our own list of forms
          expect(output.includes(encode(value)), `${encoding}: ${JSON.stringify(value)}`).toBe(
            false,
          );
        }
        expect(mask.bytes(whole).equals(output), encoding).toBe(true);
      }
    }
  }, 60_000);

  test("vault attack 10: what is printed in several base64 letters of a header shows nothing of the value", async () => {
    for (let size = 6; size < 60; size++)
      for (const user of ["", "a", "ab", "abc"]) {
        const value = randomBytes(size);
        const mask = createMask([{ name: "token", value }]);
        const header = Buffer.concat([Buffer.from(user), value, Buffer.from("zz")]).toString(
          pick(["base64", "base64url"]),
        );
        const output = (await through(mask, cut(Buffer.from(`Basic ${header}\n`)))).toString();
        // at most the letters that it shares with its neighbours are left
        const shown = output
          .replace("Basic ", "")
          .replace("[REDACTED:token]", "")
          .replaceAll("=", "")
          .trim();
        expect(shown.length, output).toBeLessThanOrEqual(
          Math.ceil(((user.length + 2) * 8) / 6) + 3,
        );
      }
  });

  test("vault attack 10: lines of a key, alone, in JSON, and wrapped base64 of it", async () => {
    const lines = Array.from({ length: 20 }, () => randomBytes(48).toString("base64"));
    const pem = `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
    const mask = createMask([{ name: "key", value: Buffer.from(pem) }]);
    const wrapped = Buffer.from(pem).toString("base64").replace(/.{76}/g, "$&\n");
    const said = [
      `> ${lines[3]}\r\n`,
      JSON.stringify({ lines }),
      JSON.stringify({ pem }),
      pem.replaceAll("\n", "\r\n"),
      wrapped,
    ].join("\n");
    const output = (await through(mask, cut(Buffer.from(said)))).toString();
    for (const line of lines) expect(output).not.toContain(line);
    for (const line of wrapped.split("\n").filter(({ length }) => length >= fewestBytes))
      expect(output).not.toContain(line);
    expect(createMask([]).text(pem)).toBe(pem);
    // others have keys too
    expect(mask.text("-----BEGIN PRIVATE KEY-----")).toBe("-----BEGIN PRIVATE KEY-----");
  });

  test("vault attack 10: values that overlap, repeat themselves or are part of each other", async () => {
    const mask = createMask(
      ["abcdefgh", "efghijkl", "aaaaaaaa", "abcdefghijkl-long"].map((value) => ({
        name: value.slice(0, 2),
        value: Buffer.from(value),
      })),
    );
    for (const [said, shown] of [
      ["xabcdefghijklx", "x[REDACTED:ab]x"],
      [`x${"a".repeat(1000)}x`, "x[REDACTED:aa]x"],
      ["abcdefghabcdefgh", "[REDACTED:ab][REDACTED:ab]"],
      ["abcdefghijkl-long", "[REDACTED:ab]"],
      ["abcdefg", "abcdefg"],
      ["aaaaaaa", "aaaaaaa"],
    ] as const) {
      expect(mask.text(said)).toBe(shown);
      for (let n = 0; n < 20; n++)
        expect((await through(mask, cut(Buffer.from(said)))).toString()).toBe(shown);
    }
  });

  test("what is no beginning of a value comes out at once, and little is kept", async () => {
    const mask = createMask([
      { name: "long", value: Buffer.alloc(64 * 1024, "secret-0123456789") },
    ]);
    const stream = mask.stream();
    stream.write("ready? ");
    expect(String(stream.read())).toBe("ready? ");
    stream.write("yes, se");
    expect(String(stream.read())).toBe("yes, ");
    stream.write("ven");
    expect(String(stream.read())).toBe("seven");
    stream.end();
    const endless = mask.stream();
    let out = 0;
    endless.on("data", (chunk: Buffer) => (out += chunk.length));
    const before = process.memoryUsage().rss;
    for (let n = 0; n < 400; n++)
      await new Promise<void>((done) => endless.write(randomBytes(64 * 1024), () => done()));
    endless.end();
    expect(out).toBeGreaterThan(399 * 64 * 1024 - 400_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  }, 30_000);

  test("a value of fewer than 6 bytes is not looked for, and said to be so", () => {
    const mask = createMask([
      { name: "pin", value: Buffer.from("12345") },
      { name: "empty", value: Buffer.alloc(0) },
      { name: "word", value: Buffer.from("123456") },
    ]);
    expect(mask.short).toEqual(["pin"]);
    expect(mask.text("12345 123456")).toBe("12345 [REDACTED:word]");
  });

  test("a limit: UTF-16 is not looked for", () => {
    const value = Buffer.from("s3cret-value");
    const wide = Buffer.from("s3cret-value", "utf16le");
    expect(
      createMask([{ name: "a", value }])
        .bytes(wide)
        .equals(wide),
    ).toBe(true);
  });
});
