import { variableOf } from "../run/variables.ts";
import { checked, invalid, textOf, type Item } from "./item.ts";
import { leavesOf, readTree } from "./tree.ts";

/** Names and values of a JSON object; those in objects are joined by "/". @throws E_INVALID_DOCUMENT */
export function readJson(text: string): Item[] {
  const items: Item[] = [];
  for (const { name, value } of leavesOf(readTree(text))) {
    if (value === null) throw invalid(`${name.join("/")} has no value`);
    items.push({ name: name.join("/"), values: [Buffer.from(String(value))] });
  }
  return checked(items);
}

/** @param variables names as `.env` files have them */
export function writeJson(items: readonly Item[], variables: boolean): string {
  const named = variables
    ? checked(items.map((item) => ({ ...item, name: variableOf(item.name) })))
    : items;
  const object = Object.create(null) as Record<string, string>;
  for (const item of named) object[item.name] = textOf(item, "JSON");
  return `${JSON.stringify(object, null, 2)}\n`;
}
