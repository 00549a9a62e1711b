import { randomFillSync } from "node:crypto";

/** Where in a trace something is done: W3C Trace Context. */
export interface Place {
  /** 32 hexadecimal digits */
  readonly trace: string;
  /** 16; what is done below has it as its parent */
  readonly span: string;
  /** {@link sampled}, and whether the id of the trace is random */
  readonly flags: number;
  /** `tracestate`, as others left it */
  readonly state?: string;
}

/** the flag that says: this trace is recorded */
export const sampled = 1;
/** flags that have a meaning; all others are not passed on */
const known = 0b11;

/** a version that is to come may say more, behind what it has in common with this one */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** one entry of `tracestate`; entries may be empty */
const entry = /^(?:[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256})?$/;
/** characters of `tracestate` that are passed on at most, in whole entries */
const longest = 512;

/** What the fields of a request name; undefined for anything that is not as the standard has it. */
export function placeOf(parent: string, state: string | undefined): Place | undefined {
  const [, version, trace = "", span = "", flags = "", more] = form.exec(parent) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined))
    return undefined;
  if (/^0*$/.test(trace) || /^0*$/.test(span)) return undefined;
  const kept = state === undefined ? "" : stateOf(state);
  return {
    ...{ trace, span, flags: Number.parseInt(flags, 16) & known },
    ...(kept !== "" && { state: kept }),
  };
}

function stateOf(field: string): string {
  const entries = field.split(",").map((one) => one.trim());
  if (entries.length > 32 || !entries.every((one) => entry.test(one))) return "";
  let kept = "";
  for (const one of entries.filter(Boolean)) {
    const longer = kept === "" ? one : `${kept},${one}`;
    if (longer.length > longest) break;
    kept = longer;
  }
  return kept;
}

/** The fields that have what is asked be part of a trace, below a place. */
export function fieldsOf({ trace, span, flags, state }: Place): Readonly<Record<string, string>> {
  const traceparent = `00-${trace}-${span}-0${flags}`;
  return state === undefined ? { traceparent } : { traceparent, tracestate: state };
}

/** Makes places below others, or, without one, the first of a trace. @param flags @default those of the other one */
export type Below = (above: Place | undefined, flags?: number) => Place;

export function createBelow(): Below {
  const idOf = createIds();
  return (above, flags = above?.flags ?? 0) => ({
    trace: above?.trace ?? idOf(16),
    span: idOf(8),
    flags,
    ...(above?.state !== undefined && { state: above.state }),
  });
}

/** Random ids, of so many bytes each. They are no secrets; asking the system for each would cost more than all else about a span. */
function createIds(): (bytes: number) => string {
  const pool = Buffer.alloc(4096);
  let at = pool.length;
  return (bytes) => {
    if (at + bytes > pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    return pool.toString("hex", at, (at += bytes));
  };
}
