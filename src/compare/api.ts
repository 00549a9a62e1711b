import { join, relative } from "node:path";
import type ts from "typescript-api";
import { entriesOf, type Entry } from "../documents/entries.ts";
import { load, loadTypeScript, withoutPrivates, type TypeScript } from "../documents/program.ts";
import type { Tree } from "../documents/tree.ts";
import { major, minor, patch, type ApiChange } from "./change.ts";

/** One exported name of an entry point, before and after. */
interface Side {
  readonly symbol: ts.Symbol;
  readonly tree: Tree;
}

/**
 * Compares what the entry points of two trees export: names always, and where there are declarations, types by assignability in
 * both directions. What cannot be decided that way is not `proven`.
 */
export async function compareApis(
  old: Tree,
  now: Tree,
  { types = true }: { readonly types?: boolean } = {},
): Promise<ApiChange[]> {
  const [before, after] = [entriesOf(old), entriesOf(now)];
  const pairs = [...before].flatMap(([subpath, entry]) => {
    const next = after.get(subpath);
    if (!next || subpath.includes("*")) return [];
    // types on both sides, or code on both: names must come from the same kind of source
    const typed = entry.types !== undefined && next.types !== undefined;
    const [from, to] = typed ? [entry.types, next.types] : [codeOf(entry), codeOf(next)];
    return from === undefined || to === undefined
      ? []
      : [{ subpath, typed, from: join(old.root, from), to: join(now.root, to) }];
  });
  if (pairs.length === 0) return [];
  const ts = await loadTypeScript();
  const { program, checker, unresolved } = load(
    ts,
    pairs.flatMap(({ from, to }) => [from, to]),
    { home: now.root, edit: withoutPrivates },
  );
  const changes: ApiChange[] = [];
  const shown = new Set<ts.Symbol>();
  for (const { from } of pairs)
    for (const symbol of exportsOf(ts, program, checker, from)?.values() ?? [])
      shown.add(realOf(ts, checker, symbol));
  for (const { subpath, typed, from, to } of pairs) {
    const [a, b] = [from, to].map((file) => exportsOf(ts, program, checker, file));
    if (!a || !b) {
      changes.push(patch(`the exports of ${subpath} could not be read`, subpath, false));
      continue;
    }
    changes.push(
      ...compareExports({ ts, checker, old, now, subpath, typed: typed && types, shown }, a, b),
    );
    if (!typed)
      changes.push(
        patch(
          `${subpath} has no declarations: only names were compared`,
          relative(now.root, to),
          false,
        ),
      );
  }
  if (unresolved.size > 0)
    changes.push(
      patch(`types of ${[...unresolved].slice(0, 5).join(", ")} were not found`, "imports", false),
    );
  if (pairs.some(({ typed }) => typed) && declaresGlobals(ts, program, [old, now]))
    changes.push(patch("declares globals, which were not compared", "declare global", false));
  return changes;
}

const codeOf = ({ code }: Entry): string | undefined =>
  code !== undefined && /\.[cm]?js$/.test(code) ? code : undefined;

function exportsOf(
  ts: TypeScript,
  program: ts.Program,
  checker: ts.TypeChecker,
  path: string,
): Map<string, ts.Symbol> | undefined {
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) return undefined;
  const found = new Map<string, ts.Symbol>();
  for (const symbol of checker.getExportsOfModule(module)) found.set(symbol.name, symbol);
  // what `export =` gives is the module itself
  const whole = module.exports?.get(ts.InternalSymbolName.ExportEquals);
  if (whole) found.set("export =", whole);
  found.delete("prototype");
  return found;
}

interface Where {
  readonly ts: TypeScript;
  readonly checker: ts.TypeChecker;
  readonly old: Tree;
  readonly now: Tree;
  readonly subpath: string;
  readonly typed: boolean;
  /** exported somewhere, so compared on their own */
  readonly shown: ReadonlySet<ts.Symbol>;
}

const realOf = (ts: TypeScript, checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;

function compareExports(
  where: Where,
  before: ReadonlyMap<string, ts.Symbol>,
  after: ReadonlyMap<string, ts.Symbol>,
): ApiChange[] {
  const { subpath, old, now, typed } = where;
  const of = (name: string): string => (subpath === "." ? name : `${name} of ${subpath}`);
  const changes: ApiChange[] = [];
  for (const [name, symbol] of before) {
    const next = after.get(name);
    if (!next)
      changes.push(
        major(`${of(name)} is no longer exported`, placeOf(where, { symbol, tree: old })),
      );
    else if (typed) changes.push(...compareSymbols(where, of(name), symbol, next));
  }
  for (const [name, symbol] of after)
    if (!before.has(name))
      changes.push(minor(`${of(name)} is exported now`, placeOf(where, { symbol, tree: now })));
  return changes;
}

function compareSymbols(where: Where, name: string, from: ts.Symbol, to: ts.Symbol): ApiChange[] {
  const { ts, checker, now } = where;
  const [a, b] = [from, to].map((symbol) => realOf(ts, checker, symbol)) as [ts.Symbol, ts.Symbol];
  // a declaration that both trees take from the same third package
  if (a === b || unchanged(where, a, b)) return [];
  const place = placeOf(where, { symbol: b, tree: now });
  const changes: ApiChange[] = [];
  const { Value, Type, Namespace } = ts.SymbolFlags;
  if (a.flags & Value && !(b.flags & Value))
    return [major(`${name} is no longer a value, only a type`, place)];
  if (a.flags & Type && !(b.flags & Type)) return [major(`${name} is no longer a type`, place)];
  if (a.flags & Value) changes.push(...compareValues(where, name, a, b, place));
  if (changes.length === 0 && a.flags & Type)
    changes.push(...compareTypes(where, name, a, b, place));
  if (a.flags & Namespace && !(a.flags & Value) && !(a.flags & Type))
    changes.push(
      ...compareExports(
        where,
        prefixed(name, checker.getExportsOfModule(a)),
        prefixed(name, checker.getExportsOfModule(b)),
      ),
    );
  return changes;
}

const prefixed = (name: string, symbols: readonly ts.Symbol[]): Map<string, ts.Symbol> =>
  new Map(symbols.map((symbol) => [`${name}.${symbol.name}`, symbol]));

function compareValues(
  { ts, checker }: Where,
  name: string,
  from: ts.Symbol,
  to: ts.Symbol,
  place: string,
): ApiChange[] {
  const [a, b] = [checker.getTypeOfSymbol(from), checker.getTypeOfSymbol(to)];
  if (a.flags & ts.TypeFlags.UniqueESSymbol || b.flags & ts.TypeFlags.UniqueESSymbol)
    return a.flags & b.flags & ts.TypeFlags.UniqueESSymbol
      ? []
      : [major(`${name} is no longer the symbol that it was`, place, false)];
  if (!checker.isTypeAssignableTo(b, a)) {
    // methods may be overloaded or generic in their turn
    const vague = isVague(a) || isVague(b) || (from.flags & ts.SymbolFlags.Class) !== 0;
    return [major(`${name} no longer fits what it was`, place, !vague)];
  }
  return checker.isTypeAssignableTo(a, b) ? [] : [minor(`${name} can do more`, place)];
}

function compareTypes(
  { checker }: Where,
  name: string,
  from: ts.Symbol,
  to: ts.Symbol,
  place: string,
): ApiChange[] {
  const [a, b] = [checker.getDeclaredTypeOfSymbol(from), checker.getDeclaredTypeOfSymbol(to)];
  const generic = isGeneric(from) || isGeneric(to);
  const [old, now] = [a, b].map((type) =>
    checker.getPropertiesOfType(type).map((one) => one.name),
  ) as [string[], string[]];
  const object = a.isClassOrInterface() && b.isClassOrInterface();
  const gone = object ? old.filter((one) => !now.includes(one)) : [];
  const added = object ? now.filter((one) => !old.includes(one)) : [];
  if (gone.length > 0) return [major(`${name} lost ${gone.slice(0, 5).join(", ")}`, place)];
  if (generic) {
    const grown = added.length > 0 ? `${name} has ${added.slice(0, 5).join(", ")}` : undefined;
    return [minor(grown ?? `${name}, which is generic, was written differently`, place, false)];
  }
  const [back, forth] = [checker.isTypeAssignableTo(b, a), checker.isTypeAssignableTo(a, b)];
  if (!back && !forth) {
    // two declarations of one symbol type never fit each other
    const symbols = [from, to].some((one) => /\bsymbol\b/.test(declared(one)));
    return [major(`${name} is another type`, place, !symbols && !usesUnique(from))];
  }
  if (added.length > 0)
    return [minor(`${name} has ${added.slice(0, 5).join(", ")}`, place, back && forth)];
  if (back && forth) return [];
  return [minor(`${name} became ${back ? "narrower" : "wider"}`, place, false)];
}

const usesUnique = (symbol: ts.Symbol): boolean =>
  (symbol.declarations ?? []).some((one) => /unique\s+symbol/.test(one.getSourceFile().text));

/** Assignability of overloads and of generics is a guess of the compiler. */
function isVague(type: ts.Type): boolean {
  const signatures = [...type.getCallSignatures(), ...type.getConstructSignatures()];
  return signatures.length > 1 || signatures.some(({ typeParameters }) => typeParameters?.length);
}

const isGeneric = (symbol: ts.Symbol): boolean =>
  (symbol.declarations ?? []).some(
    (one) => ((one as { typeParameters?: readonly unknown[] }).typeParameters?.length ?? 0) > 0,
  );

/**
 * Written alike, together with everything inside of the package that it refers to and that is not exported, and so not compared
 * on its own. What refers to a changed type is then not reported for each place that does.
 */
function unchanged(
  where: Where,
  a: ts.Symbol,
  b: ts.Symbol,
  seen: Set<ts.Symbol> = new Set(),
): boolean {
  if (seen.has(a)) return true;
  seen.add(a);
  if (declared(a) !== declared(b)) return false;
  const [from, to] = [a, b].map((symbol) => namesIn(where, symbol)) as [ts.Symbol[], ts.Symbol[]];
  return from.every((symbol, i) => {
    const other = to[i];
    if (where.shown.has(symbol) || symbol === other) return true;
    const inside = symbol.declarations?.every((one) =>
      isOf(where.old, one.getSourceFile().fileName),
    );
    return !inside || (other !== undefined && unchanged(where, symbol, other, seen));
  });
}

const isOf = ({ root }: Tree, file: string): boolean =>
  file.startsWith(`${root}/`) && !file.slice(root.length).includes("/node_modules/");

/** What the names in the declarations of a symbol stand for, in order. */
function namesIn({ ts, checker }: Where, symbol: ts.Symbol): ts.Symbol[] {
  const found: ts.Symbol[] = [];
  const visit = (node: ts.Node): void => {
    const named = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined;
    if (named) found.push(realOf(ts, checker, named));
    ts.forEachChild(node, visit);
  };
  for (const declaration of symbol.declarations ?? []) visit(declaration);
  return found;
}

/** Declarations without comments and blanks. */
const declared = (symbol: ts.Symbol): string =>
  (symbol.declarations ?? [])
    .map((one) =>
      one
        .getText()
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
        .replace(/\s+/g, ""),
    )
    .join(";");

function placeOf({ subpath }: Where, { symbol, tree }: Side): string {
  const declaration = symbol.declarations?.[0];
  const file = declaration?.getSourceFile();
  if (!declaration || !file) return subpath;
  const { line } = file.getLineAndCharacterOfPosition(declaration.getStart());
  const path = relative(tree.root, file.fileName);
  return `${path.startsWith("..") ? file.fileName.replace(/^.*\/node_modules\//, "") : path}:${line + 1}`;
}

function declaresGlobals(ts: TypeScript, program: ts.Program, trees: readonly Tree[]): boolean {
  return program
    .getSourceFiles()
    .some(
      (file) =>
        trees.some(({ root }) => file.fileName.startsWith(root)) &&
        !file.fileName.includes("/node_modules/") &&
        file.statements.some(
          (one) =>
            ts.isModuleDeclaration(one) && (one.flags & ts.NodeFlags.GlobalAugmentation) !== 0,
        ),
    );
}
