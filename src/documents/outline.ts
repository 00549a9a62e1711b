import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type ts from "typescript-api";
import { errorCode } from "../errors.ts";
import { entriesOf, type Entry } from "./entries.ts";
import { membersOf, nameOf, shapeOf, type Reader } from "./outline-item.ts";
import { load, loadTypeScript, type TypeScript } from "./program.ts";
import type { Tree } from "./tree.ts";

export type ItemKind =
  | "function"
  | "class"
  | "interface"
  | "type"
  | "enum"
  | "variable"
  | "constant"
  | "namespace"
  /** of a class or interface */
  | "method"
  | "property"
  | "constructor"
  /** of an enum */
  | "member"
  /** a name of which nothing else is known */
  | "export";

/** Something that a package offers. */
export interface OutlineItem {
  readonly name: string;
  readonly kind: ItemKind;
  /** declarations without bodies and comments, overloads on lines of their own; at most 4,000 characters */
  readonly signature: string;
  /** Markdown, as the author wrote it; at most 20,000 characters */
  readonly doc?: string;
  /** the message, which may be empty */
  readonly deprecated?: string;
  /** the first entry point that exports it: `.`, `./sub` */
  readonly subpath: string;
  /** other entry points that export the same under the same name */
  readonly also?: readonly string[];
  /** file in the package and line, from 1 */
  readonly file?: string;
  readonly line?: number;
  /** left out where the same is listed under another name before, as `default` may be */
  readonly members?: readonly OutlineItem[];
}

/** What a package exports; made of its declarations, else of JSDoc, else of the names that its code exports. */
export interface Outline {
  readonly items: readonly OutlineItem[];
  readonly entries: readonly {
    readonly subpath: string;
    /** file in the package that was read */
    readonly file: string;
    readonly from: "types" | "jsdoc" | "exports";
  }[];
  /** modules whose types the package passes on and that are not in it */
  readonly unresolved: readonly string[];
  /** why only names are listed: there are too many types, or they take too long */
  readonly limited?: "size" | "time";
}

/** characters of declarations */
const mostText = 20 * 2 ** 20;
const mostItems = 20_000;

/** The outline of an unpacked package. Takes what the types take: see `outlineOf`, which has limits. */
export async function readOutline(tree: Tree): Promise<Outline> {
  const sources = sourcesOf(tree);
  if (sources.length === 0) return { items: [], entries: [], unresolved: [] };
  const ts = await loadTypeScript();
  try {
    const { root } = tree;
    const files = sources.map(({ path }) => path);
    const loaded = load(ts, files, { home: root, within: root, limit: mostText });
    return outlineOfProgram({ ts, root, ...loaded }, sources);
  } catch (error) {
    if (errorCode(error) === "E_TOO_LARGE") return namesOnly(tree, "size");
    throw error;
  }
}

interface Source {
  readonly subpath: string;
  readonly path: string;
  readonly file: string;
  readonly typed: boolean;
}

const sourceOf = ({ types, code }: Entry): string | undefined =>
  types ?? (code !== undefined && /\.[cm]?[jt]s$/.test(code) ? code : undefined);

function sourcesOf(tree: Tree): Source[] {
  const found = [...entriesOf(tree)].flatMap(([subpath, entry]) => {
    const file = sourceOf(entry);
    if (file === undefined || subpath.includes("*") || !tree.files.includes(file)) return [];
    return [{ subpath, file, path: join(tree.root, file), typed: entry.types !== undefined }];
  });
  return found.toSorted((a, b) => Number(b.subpath === ".") - Number(a.subpath === "."));
}

function outlineOfProgram(reader: Reader, sources: readonly Source[]): Outline {
  const seen = new Map<string, Map<ts.Symbol, string[]>>();
  const shown = new Set<ts.Symbol>();
  const items: OutlineItem[] = [];
  const entries: Outline["entries"][number][] = [];
  for (const { subpath, path, file, typed } of sources) {
    let documented = false;
    for (const [name, symbol] of exportsOf(reader, path)) {
      const real = realOf(reader, symbol);
      const known = seen.get(name) ?? new Map<ts.Symbol, string[]>();
      const also = known.get(real);
      if (also) {
        also.push(subpath);
        continue;
      }
      if (items.length >= mostItems) break;
      const item = itemOf(reader, { name, subpath, symbol, real }, !shown.has(real));
      shown.add(real);
      if (!item) continue;
      documented ||= item.doc !== undefined;
      const others: string[] = [];
      seen.set(name, known.set(real, others));
      items.push({ ...item, also: others });
    }
    entries.push({ subpath, file, from: typed ? "types" : documented ? "jsdoc" : "exports" });
  }
  return {
    items: items.map(({ also, ...item }) => (also?.length ? { ...item, also } : item)),
    entries,
    unresolved: [...reader.unresolved].toSorted(),
  };
}

function exportsOf({ ts, program, checker }: Reader, path: string): [string, ts.Symbol][] {
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) return [];
  const whole = module.exports?.get(ts.InternalSymbolName.ExportEquals);
  // of an object that is exported as a whole its properties are what is offered
  const parts =
    whole && isObjectLiteral(ts, whole)
      ? checker.getPropertiesOfType(checker.getTypeOfSymbol(whole))
      : checker.getExportsOfModule(module).filter(({ name }) => name !== "prototype");
  const named = parts.map((symbol): [string, ts.Symbol] => [symbol.name, symbol]);
  return whole && !isObjectLiteral(ts, whole) ? [["export =", whole], ...named] : named;
}

const isObjectLiteral = (ts: TypeScript, { valueDeclaration }: ts.Symbol): boolean =>
  valueDeclaration !== undefined &&
  ts.isBinaryExpression(valueDeclaration) &&
  ts.isObjectLiteralExpression(valueDeclaration.right);

/** What an exported name stands for. */
function realOf({ ts, checker }: Reader, symbol: ts.Symbol): ts.Symbol {
  const { valueDeclaration: node } = symbol;
  const value =
    node && ts.isShorthandPropertyAssignment(node)
      ? (checker.getShorthandAssignmentValueSymbol(node) ?? symbol)
      : symbol;
  return value.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(value) : value;
}

interface Found {
  readonly name: string;
  readonly subpath: string;
  readonly symbol: ts.Symbol;
  readonly real: ts.Symbol;
}

/** Undefined for what is marked `@internal`. */
function itemOf(
  reader: Reader,
  { name, subpath, symbol, real }: Found,
  whole = true,
): OutlineItem | undefined {
  const { ts, checker, root } = reader;
  const notes = [symbol, real].map((one) => notesOf(ts, checker, one));
  if (notes.some(({ internal }) => internal)) return undefined;
  const doc = notes.map((note) => note.doc).find((text) => text !== "");
  const deprecated = notes.map((note) => note.deprecated).find((text) => text !== undefined);
  const place = placeOf(root, real.declarations?.[0]);
  const members = (whole ? membersOf(reader, real) : []).slice(0, 2000).flatMap((member) => {
    const more = { name: nameOf(reader, member), subpath, symbol: member, real: member };
    return itemOf(reader, more) ?? [];
  });
  return {
    name,
    ...shapeOf(reader, real, name),
    ...(doc !== undefined && { doc: doc.slice(0, 20_000) }),
    ...(deprecated !== undefined && { deprecated }),
    subpath,
    ...place,
    ...(members.length > 0 && { members }),
  };
}

/** What the comment above a declaration says. Tags are kept as Markdown. */
function notesOf(ts: TypeScript, checker: ts.TypeChecker, symbol: ts.Symbol) {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  const tags = symbol.getJsDocTags(checker).map(({ name, text: parts }) => ({
    name,
    text: ts.displayPartsToString(parts).trim(),
  }));
  const said = tags
    .filter(({ name }) => told.has(name))
    .map(({ name, text: words }) =>
      name === "example" ? `@example\n${words}` : `@${name} ${words}`,
    );
  return {
    doc: [text, ...said].filter(Boolean).join("\n\n"),
    deprecated: tags.find(({ name }) => name === "deprecated")?.text,
    internal: tags.some(({ name }) => name === "internal"),
  };
}

const told = new Set([
  ...["param", "returns", "return", "throws", "example", "default", "since", "see", "remarks"],
]);

function placeOf(root: string, declaration: ts.Declaration | undefined) {
  const source = declaration?.getSourceFile();
  if (!declaration || !source?.fileName.startsWith(`${root}/`)) return {};
  const { line } = source.getLineAndCharacterOfPosition(declaration.getStart());
  return { file: relative(root, source.fileName), line: line + 1 };
}

/** The names alone, from the text of the entry points and without a program. */
export async function namesOnly(tree: Tree, limited: "size" | "time"): Promise<Outline> {
  const ts = await loadTypeScript();
  const items: OutlineItem[] = [];
  const entries: Outline["entries"][number][] = [];
  for (const { subpath, file, path } of sourcesOf(tree)) {
    const text = await readFile(path, "utf8");
    if (text.length > mostText / 4) continue;
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, false);
    for (const name of new Set(source.statements.flatMap((one) => namesOf(ts, one))))
      items.push({ name, kind: "export", signature: name, subpath });
    entries.push({ subpath, file, from: "exports" });
  }
  return { items: items.slice(0, mostItems), entries, unresolved: [], limited };
}

function namesOf(ts: TypeScript, statement: ts.Statement): string[] {
  if (ts.isExportDeclaration(statement)) {
    const { exportClause } = statement;
    if (!exportClause) return [];
    if (!ts.isNamedExports(exportClause)) return [exportClause.name.text];
    return exportClause.elements.map(({ name }) => name.text);
  }
  if (ts.isExportAssignment(statement)) return ["default"];
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  const has = (kind: ts.SyntaxKind): boolean => modifiers.some((one) => one.kind === kind);
  if (!has(ts.SyntaxKind.ExportKeyword)) return [];
  if (has(ts.SyntaxKind.DefaultKeyword)) return ["default"];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isIdentifier(name) ? [name.text] : [],
    );
  const { name } = statement as { name?: ts.Node };
  return name && ts.isIdentifier(name) ? [name.text] : [];
}
