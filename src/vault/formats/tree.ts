import { parseDocument, stringify } from "yaml";
import { CitadelError } from "../../errors.ts";
import { invalid, mostText } from "./item.ts";

/** A file of YAML or JSON: maps with text keys, lists, and what is in them. */
export type Tree = ReadonlyMap<string, Node>;
export type Leaf = string | number | bigint | boolean | null;
export type Node = Tree | readonly Node[] | Leaf;

export const isMap = (node: unknown): node is Tree => node instanceof Map;

/** nested maps and lists */
const deepest = 40;

/**
 * Reads YAML or JSON without anything that makes it larger than it is: no anchors, no merges, no key twice.
 * @throws E_INVALID_DOCUMENT, E_TOO_LARGE
 */
export function readTree(text: string): Tree {
  if (Buffer.byteLength(text) > mostText)
    throw new CitadelError("E_TOO_LARGE", `the file has more than ${mostText} bytes`);
  if (nesting(text) > deepest) throw invalid(`the file is nested deeper than ${deepest} levels`);
  let tree: unknown;
  try {
    const document = parseDocument(text, {
      uniqueKeys: true,
      intAsBigInt: true,
      logLevel: "error",
    });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw problem;
    tree = document.toJS({ mapAsMap: true, maxAliasCount: 0 });
  } catch (error) {
    // the message may repeat a line of the file
    const { name, linePos } = error as { name: string; linePos?: readonly { line: number }[] };
    const at = linePos?.[0] ? ` in line ${linePos[0].line}` : "";
    throw invalid(`the file is neither JSON nor plain YAML${at} (${name})`);
  }
  if (!isMap(tree)) throw invalid("the file is no map of names and values");
  return check(tree, 0) as Tree;
}

/** Brackets that are open at once, at most; a bound for what the parser has to call itself. */
function nesting(text: string): number {
  let most = 0;
  let open = 0;
  for (const letter of text)
    if (letter === "[" || letter === "{") most = Math.max(most, ++open);
    else if (letter === "]" || letter === "}") open--;
  return most;
}

function check(node: unknown, depth: number): Node {
  if (depth > deepest) throw invalid(`the file is nested deeper than ${deepest} levels`);
  if (isMap(node)) {
    for (const [key, value] of node as ReadonlyMap<unknown, unknown>) {
      if (typeof key !== "string") throw invalid("the file has a key that is no text");
      check(value, depth + 1);
    }
    return node;
  }
  if (Array.isArray(node)) for (const one of node) check(one, depth + 1);
  else if (node !== null && !/^(?:string|number|bigint|boolean)$/.test(typeof node))
    throw invalid("the file has a value that is neither text nor number");
  return node as Node;
}

/** The values below a map with their paths, in the order of the file. Lists count from 0. */
export function* leavesOf(
  node: Node,
  path: readonly string[] = [],
  name: readonly string[] = [],
): Generator<{ path: readonly string[]; name: readonly string[]; value: Leaf }> {
  if (isMap(node))
    for (const [key, value] of node) yield* leavesOf(value, [...path, key], [...name, key]);
  else if (Array.isArray(node))
    for (const [index, value] of (node as readonly Node[]).entries())
      yield* leavesOf(value, path, [...name, String(index)]);
  else yield { path, name, value: node as Leaf };
}

/** Values by name as nested maps: `db/password` is `password` in `db`. @throws E_USAGE when a name is also a map */
export function nested(values: readonly (readonly [name: string, value: string])[]): object {
  const root = new Map<string, unknown>();
  for (const [name, value] of values) {
    const parts = name.split("/");
    let map = root;
    for (const part of parts.slice(0, -1)) {
      const next = map.get(part) ?? new Map<string, unknown>();
      if (!(next instanceof Map)) throw bothAt(name);
      map.set(part, next);
      map = next as Map<string, unknown>;
    }
    const last = parts.at(-1) ?? "";
    if (map.has(last)) throw bothAt(name);
    map.set(last, value);
  }
  return plain(root);
}

// an object with a null prototype holds __proto__ as any other key
const plain = (map: ReadonlyMap<string, unknown>): object => {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of map)
    object[key] = value instanceof Map ? plain(value as Map<string, unknown>) : value;
  return object;
};

const bothAt = (name: string): CitadelError =>
  new CitadelError("E_USAGE", `${name} is the beginning of another name, or the other way round`, {
    hint: ["leave one out: --only <name>,…"],
  });

export const yamlOf = (value: unknown): string =>
  // other readers take more for a date or a truth value than YAML 1.2 does
  stringify(value, { lineWidth: 0, schema: "yaml-1.1" });
