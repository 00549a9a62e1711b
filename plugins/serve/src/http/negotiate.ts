import type { Encoding, Form } from "@citadel/core/registry";

interface Choice {
  readonly value: string;
  /** 0 to 1 */
  readonly q: number;
}

/** The members of an Accept or Accept-Encoding field with their weights; what cannot be read is left out. */
function choices(field: string): Choice[] {
  const list: Choice[] = [];
  for (const part of field.toLowerCase().split(",")) {
    const [value = "", ...parameters] = part.split(";").map((piece) => piece.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const q = weight === undefined ? 1 : Number(weight.slice(2));
    if (value !== "" && q >= 0 && q <= 1) list.push({ value, q });
  }
  return list;
}

/**
 * Which form of a packument `accept` asks for. Ties, wildcards and no header at all mean the full one:
 * protocol section 4.1.
 */
export function formOf(accept: string): Form {
  const list = choices(accept);
  const q = (...types: string[]): number => {
    for (const type of types) {
      const choice = list.find(({ value }) => value === type);
      if (choice) return choice.q;
    }
    return 0;
  };
  const short = q("application/vnd.npm.install-v1+json");
  return short > q("application/json", "application/*", "*/*") ? "short" : "full";
}

/** Encodings that `accept-encoding` allows, besides identity. Tolerates nonsense such as bun's `gzip/deflate`. */
export function encodingsOf(acceptEncoding: string): readonly Encoding[] {
  const list = choices(acceptEncoding);
  const any = list.find(({ value }) => value === "*")?.q ?? 0;
  const allowed = (name: string): boolean =>
    (list.find(({ value }) => value === name)?.q ?? any) > 0;
  return (["gzip", "br", "zstd"] as const).filter(allowed);
}

/** Remembers the results for the few values that clients send. */
export function remember<T>(parse: (field: string) => T): (field: string | undefined) => T {
  const known = new Map<string, T>();
  const none = parse("");
  return (field) => {
    if (field === undefined) return none;
    const result = known.get(field);
    if (result !== undefined) return result;
    const parsed = parse(field.slice(0, 1024));
    if (known.size >= 256) known.clear();
    if (field.length <= 256) known.set(field, parsed);
    return parsed;
  };
}
