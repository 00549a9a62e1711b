import {
  metricFields,
  topics,
  type Bodies,
  type ConfigSnapshot,
  type MetricsSample,
  type TerminalOutput,
  type Topic,
} from "./messages.ts";

/** What is told on a topic, as bytes and as JSON. */
interface Body<T> {
  /** 0 a fixed layout, 1 JSON */
  readonly encoding: 0 | 1;
  write(value: T): Uint8Array;
  /** undefined: it is none */
  read(bytes: DataView): T | undefined;
  parse(value: unknown): T | undefined;
}

/** of the layout of a sample; it stays 1 as long as fields only come at its end */
const schema = 1;
/** bytes before the numbers of a sample */
const front = 10;
const sampleLength = front + 4 * metricFields.length;
const configLength = 13;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** JSON comes from a server that was asked for it: that it is an object is all that is looked at. */
function json<T extends object>(): Body<T> {
  const parse = (value: unknown): T | undefined =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? (value as T) : undefined;
  return {
    encoding: 1,
    write: (value) => encoder.encode(JSON.stringify(value)),
    read(view) {
      try {
        return parse(JSON.parse(decoder.decode(view)));
      } catch {
        return undefined;
      }
    },
    parse,
  };
}

const config: Body<ConfigSnapshot> = {
  encoding: 0,
  write({ bytes, generation }) {
    const view = new DataView(new ArrayBuffer(configLength + 4));
    for (let n = 0; n < configLength; n++)
      view.setUint8(n, Number.parseInt(bytes.slice(2 * n, 2 * n + 2), 16));
    view.setUint32(configLength, generation);
    return new Uint8Array(view.buffer);
  },
  read(view) {
    if (view.byteLength !== configLength + 4) return undefined;
    const bytes = Array.from({ length: configLength }, (_, n) =>
      view.getUint8(n).toString(16).padStart(2, "0"),
    );
    return { bytes: bytes.join(""), generation: view.getUint32(configLength) };
  },
  parse(value) {
    const { bytes, generation } = (value ?? {}) as Partial<ConfigSnapshot>;
    const good = typeof bytes === "string" && /^[\da-f]{26}$/.test(bytes) && isU32(generation);
    return good ? { bytes, generation } : undefined;
  },
};

const metrics: Body<MetricsSample> = {
  encoding: 0,
  write(sample) {
    const view = new DataView(new ArrayBuffer(sampleLength));
    writeSample(view, 0, sample);
    return new Uint8Array(view.buffer);
  },
  read(view) {
    const found = readSample(view, 0);
    return found?.end === view.byteLength ? found.sample : undefined;
  },
  parse: parseSample,
};

const history: Body<readonly MetricsSample[]> = {
  encoding: 0,
  write(samples) {
    const view = new DataView(new ArrayBuffer(1 + samples.length * sampleLength));
    view.setUint8(0, samples.length);
    for (const [n, sample] of samples.entries()) writeSample(view, 1 + n * sampleLength, sample);
    return new Uint8Array(view.buffer);
  },
  read(view) {
    if (view.byteLength === 0) return undefined;
    const samples: MetricsSample[] = [];
    let at = 1;
    while (samples.length < view.getUint8(0)) {
      const found = readSample(view, at);
      if (!found) return undefined;
      samples.push(found.sample);
      at = found.end;
    }
    return at === view.byteLength ? samples : undefined;
  },
  parse(value) {
    if (!Array.isArray(value) || value.length > 255) return undefined;
    const samples = value.map(parseSample);
    return samples.every((sample) => sample !== undefined) ? samples : undefined;
  },
};

const terminal: Body<TerminalOutput> = {
  encoding: 0,
  write({ command, text }) {
    const bytes = encoder.encode(text);
    const whole = new Uint8Array(4 + bytes.length);
    new DataView(whole.buffer).setUint32(0, command);
    whole.set(bytes, 4);
    return whole;
  },
  read(view) {
    if (view.byteLength < 4) return undefined;
    try {
      const rest = new DataView(view.buffer, view.byteOffset + 4, view.byteLength - 4);
      return { command: view.getUint32(0), text: decoder.decode(rest) };
    } catch {
      return undefined;
    }
  },
  parse(value) {
    const { command, text } = (value ?? {}) as Partial<TerminalOutput>;
    return isU32(command) && typeof text === "string" ? { command, text } : undefined;
  },
};

const bodies: { readonly [T in Topic]: Body<Bodies[T]> } = {
  ...{ hello: json(), alert: json(), package: json(), security: json(), notice: json() },
  ...{ config, metrics, history, terminal },
};

/** Topic, encoding and body. */
export function writeBody<T extends Topic>(topic: T, value: Bodies[T]): Uint8Array {
  const { encoding, write } = bodies[topic];
  const body = write(value);
  const bytes = new Uint8Array(2 + body.length);
  bytes.set([topics.indexOf(topic), encoding]);
  bytes.set(body, 2);
  return bytes;
}

/** @returns undefined for a topic that is not known, or something else than belongs to it */
export function readBody(
  view: DataView,
): { readonly topic: Topic; readonly body: Bodies[Topic] } | undefined {
  const topic = view.byteLength < 2 ? undefined : topics[view.getUint8(0)];
  if (topic === undefined || view.getUint8(1) !== bodies[topic].encoding) return undefined;
  const rest = new DataView(view.buffer, view.byteOffset + 2, view.byteLength - 2);
  const body = bodies[topic].read(rest);
  return body && { topic, body };
}

export const parseBody = (topic: Topic, value: unknown): Bodies[Topic] | undefined =>
  bodies[topic].parse(value);

function writeSample(view: DataView, at: number, sample: MetricsSample): void {
  view.setUint8(at, schema);
  view.setUint8(at + 1, metricFields.length);
  view.setFloat64(at + 2, sample.time);
  for (const [n, field] of metricFields.entries())
    view.setFloat32(at + front + 4 * n, sample[field] ?? NaN);
}

/** Fields that are missing are not known; those that this version does not know are passed over. */
function readSample(
  view: DataView,
  at: number,
): { readonly sample: MetricsSample; readonly end: number } | undefined {
  if (view.byteLength < at + front || view.getUint8(at) !== schema) return undefined;
  const count = view.getUint8(at + 1);
  const end = at + front + 4 * count;
  if (view.byteLength < end) return undefined;
  const time = view.getFloat64(at + 2);
  const sample = sampleOf(time, (_, n) =>
    n < count ? view.getFloat32(at + front + 4 * n) : undefined,
  );
  return Number.isFinite(time) ? { sample, end } : undefined;
}

function parseSample(value: unknown): MetricsSample | undefined {
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const { time } = fields as { readonly time?: unknown };
  if (typeof time !== "number") return undefined;
  return sampleOf(time, (field) => fields[field]);
}

/** A sample as it is sent: numbers of 32 bits, null for what is not known. */
export function sampleOf(
  time: number,
  value: (field: (typeof metricFields)[number], n: number) => unknown,
): MetricsSample {
  const entries = metricFields.map((field, n) => {
    const found = value(field, n);
    const known = typeof found === "number" && Number.isFinite(Math.fround(found));
    return [field, known ? Math.fround(found) + 0 : null] as const;
  });
  return { time, ...Object.fromEntries(entries) } as unknown as MetricsSample;
}

const isU32 = (value: unknown): value is number =>
  typeof value === "number" && value >>> 0 === value;
