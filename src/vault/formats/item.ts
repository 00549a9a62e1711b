import { CitadelError } from "../../errors.ts";
import type { Description } from "../meta.ts";
import { checkName } from "../names.ts";

/** A secret as it comes in, or goes out. */
export interface Item {
  /** of the file; undefined: the one that the command names */
  readonly scope?: string | undefined;
  readonly name: string;
  /** oldest first */
  readonly values: readonly Buffer[];
  readonly said?: Description;
}

/** bytes of a file that is read */
export const mostBytes = 16 * 2 ** 20;
/** bytes of a file that is read as YAML or JSON */
export const mostText = 4 * 2 ** 20;
export const mostItems = 2000;

export const invalid = (message: string, cause?: unknown): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["correct the file; nothing was taken from it"],
    ...(cause !== undefined && { cause }),
  });

/** For a value that a format cannot hold. */
export const unfit = (name: string, format: string): CitadelError =>
  new CitadelError("E_USAGE", `the value of ${name} has no form in ${format}`, {
    hint: ["leave it out: --only <name>,…", "or take a format that holds everything: --format age"],
  });

/** The text of a value. @throws E_USAGE when it is none */
export function textOf({ name, values }: Item, format: string): string {
  const value = values.at(-1) ?? Buffer.alloc(0);
  const text = value.toString();
  if (!Buffer.from(text).equals(value)) throw unfit(name, format);
  return text;
}

/** Items with names as the vault spells them, each once. @throws E_INVALID_DOCUMENT that lists what is there twice */
export function checked(items: readonly Item[], prefix = ""): Item[] {
  if (items.length > mostItems)
    throw new CitadelError("E_TOO_LARGE", `${items.length} secrets, at most ${mostItems} at once`);
  const seen = new Map<string, number>();
  const named = items.map((item) => {
    const name = checkName(prefix + item.name, "secret");
    const key = JSON.stringify([item.scope, name]);
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return { ...item, name };
  });
  const twice = [...seen].filter(([, count]) => count > 1).map(([key]) => key);
  if (twice.length === 0) return named;
  const names = twice.slice(0, 10).map((key) => (JSON.parse(key) as string[])[1]);
  throw invalid(`the file has several values for ${names.join(", ")}`);
}
