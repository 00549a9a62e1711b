import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { CitadelError } from "../../errors.ts";
import type { Vault } from "../api.ts";
import { fieldOf, isReference, readReference, type Reference } from "../reference.ts";
import { checkVariable, variableOf } from "./variables.ts";

/** What a command is to get. */
export interface Wanted {
  /** whole scope @default "default", unless `map` or `refs` say what is wanted */
  readonly scope?: string | undefined;
  /** of the scope these alone, by name or variable */
  readonly only?: readonly string[] | undefined;
  /** `VARIABLE=name`, in the scope where one is given, or `VARIABLE=citadel://…` */
  readonly map?: readonly string[] | undefined;
  /** path of a file in the form of `.env`, with references and plain values */
  readonly refs?: string | undefined;
  /** names of variables that are allowed in spite of what they do */
  readonly allowed?: readonly string[] | undefined;
}

/** Variables by name: a secret to be read, or text that stood in a file. */
export type Selection = ReadonlyMap<string, Chosen>;
export type Chosen = { readonly reference: Asked } | { readonly text: string };
type Asked = Omit<Reference, "which"> & {
  readonly which: { readonly name: string; readonly scope?: string | undefined };
};

const largest = 2 ** 20;

/**
 * Which secret a command gets under which name; none is read yet. `map` wins over the file, the file over the scope.
 * @throws E_USAGE, E_DANGEROUS_VARIABLE, E_SECRET_NOT_FOUND
 */
export async function select(vault: Vault, wanted: Wanted): Promise<Selection> {
  const { scope, only, map = [], refs, allowed } = wanted;
  const selection = new Map<string, Chosen>();
  const particular = map.length > 0 || refs !== undefined;
  if (scope !== undefined || only !== undefined || !particular)
    for (const [variable, chosen] of await ofScope(vault, scope ?? "default", only))
      selection.set(variable, chosen);
  if (refs !== undefined)
    for (const [variable, text] of Object.entries(await readRefs(refs)))
      selection.set(variable, isReference(text) ? { reference: readReference(text) } : { text });
  for (const [variable, text] of map.map(pair))
    selection.set(variable, {
      reference: isReference(text) ? readReference(text) : { which: { name: text, scope } },
    });
  for (const variable of selection.keys()) checkVariable(variable, new Set(allowed));
  return selection;
}

async function ofScope(
  vault: Vault,
  scope: string,
  only: readonly string[] | undefined,
): Promise<Map<string, Chosen>> {
  const found = new Map<string, Chosen & { reference: Asked }>();
  const left = new Set(only);
  for (const { name, state } of await vault.list(scope)) {
    if (state !== "live") continue;
    const variable = variableOf(name);
    if (only && !left.delete(name) && !left.delete(variable)) continue;
    const other = found.get(variable)?.reference.which.name;
    if (other !== undefined)
      throw new CitadelError("E_USAGE", `${other} and ${name} would both be ${variable}`, {
        hint: [`take some: --only <name>,…`, `name one of them: --map NAME=${name}`],
      });
    found.set(variable, { reference: { which: { name, scope } } });
  }
  const [missing] = left;
  if (missing !== undefined)
    throw new CitadelError(
      "E_SECRET_NOT_FOUND",
      `there is no secret ${JSON.stringify(missing)} in the scope ${scope} that can be read`,
    );
  return found;
}

async function readRefs(path: string): Promise<Record<string, string>> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, { cause: error });
  });
  if (text.length > largest)
    throw new CitadelError("E_TOO_LARGE", `${path} has more than ${largest} letters`);
  // a bare # begins a comment there, and a field in a reference
  const quoted = text.replace(
    /^(\s*(?:export\s+)?[\w.-]+\s*=\s*)(citadel:\/\/[^\s"'`]*)/gm,
    '$1"$2"',
  );
  return parseEnv(quoted) as Record<string, string>;
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new CitadelError("E_USAGE", `--map is NAME=<secret>`, {
    hint: ["for example --map DB_URL=db/url"],
  });
}

/** A value for the command. */
export interface Read {
  readonly variable: string;
  /** of the secret; undefined for text that stood in a file */
  readonly name?: string;
  readonly value: Buffer;
}

/** The values, each once its access is on record. @throws E_SECRET_NOT_FOUND, E_SECRET_GONE, E_ACCESS_LOG */
export async function readAll(vault: Vault, selection: Selection): Promise<Read[]> {
  const all: Read[] = [];
  for (const [variable, chosen] of selection) {
    if ("text" in chosen) {
      all.push({ variable, value: Buffer.from(chosen.text) });
      continue;
    }
    const { which, version, field } = chosen.reference;
    const { name, value, scope } = await vault.get(which, {
      use: "run",
      ...(version !== undefined && { version }),
    });
    const part =
      field === undefined ? value : fieldOf(value, field, { which: { name, scope }, field });
    all.push({ variable, name: field === undefined ? name : `${name}#${field}`, value: part });
  }
  return all;
}
