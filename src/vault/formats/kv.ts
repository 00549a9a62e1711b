import { checked, invalid, textOf, type Item } from "./item.ts";
import { isMap, readTree, type Leaf, type Node, type Tree } from "./tree.ts";

/**
 * What `vault kv get -format=json` and `bao kv get -format=json` print of paths: an object with, for each path, one answer or a list of
 * those of its versions. A key of a path is a secret `path/key`; the path itself where its only key is `value`.
 * Deleted versions are left out. @throws E_INVALID_DOCUMENT
 */
export function readKv(text: string): Item[] {
  const items: Item[] = [];
  for (const [path, node] of readTree(text)) {
    const answers = (Array.isArray(node) ? (node as readonly Node[]) : [node]).map((one) =>
      answer(path, one),
    );
    const versions = answers.toSorted((a, b) => a.version - b.version);
    const keys = new Set(versions.flatMap(({ data }) => [...(data?.keys() ?? [])]));
    for (const key of keys) {
      const values: Buffer[] = [];
      for (const { data } of versions) {
        const value = data?.get(key);
        if (value === undefined || value === null) continue;
        const bytes = Buffer.from(written(value));
        // another key of the path was changed
        if (!values.at(-1)?.equals(bytes)) values.push(bytes);
      }
      const name = keys.size === 1 && key === "value" ? path : `${path}/${key}`;
      if (values.length > 0) items.push({ name, values });
    }
  }
  return checked(items);
}

/** `{ data: { data, metadata } }`, or `{ data: { … } }` of the first version of the engine. */
function answer(path: string, node: Node): { version: number; data: Tree | null } {
  const outer = isMap(node) ? node.get("data") : undefined;
  if (!isMap(outer)) throw invalid(`${path} is no answer of a KV engine`);
  const metadata = outer.get("metadata");
  const inner = outer.get("data");
  if (!isMap(metadata) || inner === undefined) return { version: 1, data: outer };
  if (inner !== null && !isMap(inner)) throw invalid(`${path} is no answer of a KV engine`);
  return { version: Number(metadata.get("version") ?? 1), data: inner };
}

const written = (value: Node): string =>
  isMap(value) || Array.isArray(value) ? JSON.stringify(value, plain) : String(value as Leaf);
const plain = (_: string, value: unknown): unknown =>
  value instanceof Map
    ? Object.fromEntries(value)
    : typeof value === "bigint"
      ? Number(value)
      : value;

/** The same form, with all versions of each secret as versions of its own path. */
export function writeKv(items: readonly Item[]): string {
  const paths = Object.create(null) as Record<string, unknown>;
  for (const { name, values } of items)
    paths[name] = values.map((value, index) => ({
      data: {
        data: { value: textOf({ name, values: [value] }, "JSON") },
        metadata: { version: index + 1, deletion_time: "", destroyed: false },
      },
    }));
  return `${JSON.stringify(paths, null, 2)}\n`;
}
