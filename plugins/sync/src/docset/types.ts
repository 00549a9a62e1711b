import type { ItemKind, Outline, OutlineItem } from "@citadel/core/documents";

/** One version of a package, as far as a docset shows it. */
export interface Documented {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly readme: string;
  readonly outline: Outline;
}

/** A row of `searchIndex`. */
export interface Row {
  readonly name: string;
  readonly type: EntryType;
  /** below `Documents`, with an anchor where it is not about a whole page */
  readonly path: string;
}

/** A page below `Documents`. */
export interface Page {
  readonly path: string;
  readonly html: string;
}

/** What Dash calls the things that are found: https://kapeli.com/docsets#supportedentrytypes */
export type EntryType =
  | "Class"
  | "Constant"
  | "Constructor"
  | "Enum"
  | "Function"
  | "Global"
  | "Guide"
  | "Interface"
  | "Method"
  | "Module"
  | "Namespace"
  | "Package"
  | "Property"
  | "Section"
  | "Type"
  | "Value"
  | "Variable";

const types: Readonly<Record<ItemKind, EntryType>> = {
  function: "Function",
  class: "Class",
  interface: "Interface",
  type: "Type",
  enum: "Enum",
  variable: "Variable",
  constant: "Constant",
  namespace: "Namespace",
  method: "Method",
  property: "Property",
  constructor: "Constructor",
  member: "Value",
  export: "Global",
};

export const typeOf = ({ kind }: OutlineItem): EntryType => types[kind];
