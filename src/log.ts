import { environment, type Environment } from "./config/environment.ts";
import { mask, secretName } from "./config/mask.ts";

/** Writes one line when its namespace is switched on; free otherwise. */
export interface Logger {
  readonly enabled: boolean;
  (message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * A logger for what happens inside, on stderr: `DEBUG=citadel:*` or `registry:*` switches all on, `citadel:store` one,
 * `-citadel:store` one off. Fields that hold secrets by their name, and secrets in values, are masked.
 * @param namespace what speaks, without prefix: `store`
 */
export function logger(
  namespace: string,
  env: Environment = environment(),
  write: (line: string) => void = (line) => process.stderr.write(line),
): Logger {
  let known: string | undefined;
  let on = false;
  // a running server may be told to say more
  const enabled = (): boolean => {
    const patterns = env["DEBUG"] ?? "";
    if (patterns !== known) on = isOn(namespace, (known = patterns));
    return on;
  };
  const log = (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    if (!enabled()) return;
    const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${show(name, value)}`);
    const text = `${new Date().toISOString()} citadel:${namespace} ${message}`;
    write(`${mask(text)}${pairs.join("")}\n`);
  };
  return Object.defineProperty(log, "enabled", { get: enabled }) as Logger;
}

/** Something that an operator has to see, whatever is logged: one line on stderr. */
export function alert(namespace: string, message: string): void {
  process.stderr.write(`${new Date().toISOString()} citadel:${namespace} ALERT ${mask(message)}\n`);
}

function isOn(namespace: string, patterns: string): boolean {
  let on = false;
  for (const pattern of patterns.split(/[\s,]+/).filter(Boolean)) {
    const off = pattern.startsWith("-");
    const names = off ? pattern.slice(1) : pattern;
    const expression = names.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
    const whole = new RegExp(`^${expression}$`);
    if (whole.test(`citadel:${namespace}`) || whole.test(`registry:${namespace}`)) on = !off;
  }
  return on;
}

function show(name: string, value: unknown): string {
  if (secretName(name)) return "***";
  if (value instanceof Error) return mask(JSON.stringify(value.message));
  const text = typeof value === "string" ? value : JSON.stringify(value, inner);
  return mask(text === undefined ? "undefined" : /[\s="]/.test(text) ? JSON.stringify(text) : text);
}

const inner = (name: string, value: unknown): unknown =>
  secretName(name) ? "***" : typeof value === "bigint" ? String(value) : value;
