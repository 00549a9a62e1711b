interface Choice {
  readonly value: string;
  /** 0 to 1 */
  readonly q: number;
}

function choices(field: string): Choice[] {
  return field
    .toLowerCase()
    .split(",")
    .map((part) => {
      const [value = "", ...parameters] = part.split(";").map((piece) => piece.trim());
      const weight = parameters.find((parameter) => parameter.startsWith("q="));
      return { value, q: weight === undefined ? 1 : Number(weight.slice(2)) };
    });
}

/** Whether `accept` wants the abbreviated packument. Ties, wildcards and no header at all mean the full one. */
export function prefersShort(accept: string): boolean {
  const list = choices(accept);
  const weight = (...types: string[]): number =>
    types.map((type) => list.find(({ value }) => value === type)?.q).find((q) => q !== undefined) ??
    0;
  return (
    weight("application/vnd.npm.install-v1+json") >
    weight("application/json", "application/*", "*/*")
  );
}

/** Cloudflare replaces the header on its way, and keeps the original. */
export function allowsGzip({ headers, cf }: Request): boolean {
  const original = cf?.["clientAcceptEncoding"];
  const field = typeof original === "string" ? original : (headers.get("accept-encoding") ?? "");
  return choices(field).some(({ value, q }) => (value === "gzip" || value === "*") && q > 0);
}

/** The conditions of a GET, `if-none-match` alone where it is given; none for a client that asks for the body again. */
export function conditionsOf({ headers }: Request): Headers {
  const conditions = new Headers();
  if (headers.get("cache-control")?.includes("no-cache")) return conditions;
  for (const name of ["if-none-match", "if-modified-since"]) {
    const value = headers.get(name);
    if (value === null) continue;
    conditions.set(name, value);
    break;
  }
  return conditions;
}

/** One range in bytes; several, other units and nonsense mean the whole. */
export function rangeOf({ headers }: Request): R2Range | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.get("range")?.trim() ?? "");
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? undefined : { suffix: Number(last) };
  const offset = Number(first);
  if (last === "") return { offset };
  const length = Number(last) - offset + 1;
  return length > 0 ? { offset, length } : undefined;
}
