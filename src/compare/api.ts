import { join, relative } from "node:path";
import type ts from "typescript-api";
import { entriesOf, type Entry } from "../documents/entries.ts";
import { load, loadTypeScript, withoutPrivates, type TypeScript } from "../documents/program.ts";
import type { Tree } from "../documents/tree.ts";
import { major, minor, patch, type ApiChange } from "./change.ts";
import { compareObjects, fits, isObject, some } from "./objects.ts";
import { transplants, type Pair, type Transplanted } from "./transplant.ts";
import { declared, isGeneric, isVague } from "./written.ts";

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
  const files = pairs.flatMap(({ from, to }) => [from, to]);
  const options = { home: now.root, own: new Map<string, ts.SourceFile>() };
  const { program, checker, unresolved } = load(ts, files, { ...options, edit: withoutPrivates });
  const shown = new Set<ts.Symbol>();
  for (const { from } of pairs)
    for (const symbol of exportsOf(ts, program, checker, from)?.values() ?? [])
      shown.add(realOf(ts, checker, symbol));
  const compareAll = (differ: Where["differ"]): ApiChange[] =>
    pairs.flatMap(({ subpath, typed, from, to }) => {
      const [a, b] = [from, to].map((file) => exportsOf(ts, program, checker, file));
      if (!a || !b) return [patch(`the exports of ${subpath} could not be read`, subpath, false)];
      const where = { ts, checker, old, now, subpath, typed: typed && types, shown, differ };
      const named = `${subpath} has no declarations: only names were compared`;
      return [
        ...compareExports(where, a, b),
        ...(typed ? [] : [patch(named, relative(now.root, to), false)]),
      ];
    });
  const written: Pair[] = [];
  let changes = compareAll((pair) => (written.push(pair), []));
  if (written.length > 0) {
    const moved = transplants(ts, written);
    const both = load(ts, files, { ...options, edit: moved.edit }).program;
    changes = compareAll((pair, compare) => {
      const together = moved.find(both, pair);
      return compare(together ?? { ...pair, checker, apart: true });
    });
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
  /** asked about what is written differently: with which checker, and whether now */
  readonly differ: (pair: Pair, compare: (together: Transplanted) => ApiChange[]) => ApiChange[];
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
  const { Value, Type, Namespace, ValueModule } = ts.SymbolFlags;
  if (a.flags & Value && !(b.flags & Value))
    return [major(`${name} is no longer a value, only a type`, place)];
  if (a.flags & Type && !(b.flags & Type)) return [major(`${name} is no longer a type`, place)];
  if (a.flags & Namespace && !(a.flags & Value & ~ValueModule) && !(a.flags & Type))
    return compareExports(
      where,
      prefixed(name, checker.getExportsOfModule(a)),
      prefixed(name, checker.getExportsOfModule(b)),
    );
  const compare = (together: Transplanted): ApiChange[] => {
    if (a.flags & b.flags & ts.SymbolFlags.Enum) return compareEnums(together, name, place);
    if (isObject(ts, a) && isObject(ts, b)) {
      const alike = (was: ts.Symbol, is: ts.Symbol): boolean =>
        together.apart ? unchanged(where, was, is) : declared(was) === declared(is);
      return compareObjects(ts, name, together, { place, alike });
    }
    const values = a.flags & Value ? compareValues(ts, name, together, place) : [];
    return values.length === 0 && a.flags & Type ? compareTypes(name, together, place) : values;
  };
  const pair = { from: a, to: b };
  return sameInside(where, a, b)
    ? where.differ(pair, compare)
    : compare({ ...pair, checker, apart: true });
}

const prefixed = (name: string, symbols: readonly ts.Symbol[]): Map<string, ts.Symbol> =>
  new Map(symbols.map((symbol) => [`${name}.${symbol.name}`, symbol]));

function compareValues(
  ts: TypeScript,
  name: string,
  { from, to, checker, apart = false }: Transplanted,
  place: string,
): ApiChange[] {
  const [a, b] = [checker.getTypeOfSymbol(from), checker.getTypeOfSymbol(to)];
  if (a.flags & ts.TypeFlags.UniqueESSymbol || b.flags & ts.TypeFlags.UniqueESSymbol)
    return a.flags & b.flags & ts.TypeFlags.UniqueESSymbol
      ? []
      : [major(`${name} is no longer the symbol that it was`, place, false)];
  if (!checker.isTypeAssignableTo(b, a)) {
    // methods may be overloaded or generic in their turn
    const vague = apart || isVague(a) || isVague(b) || (from.flags & ts.SymbolFlags.Class) !== 0;
    return [major(`${name} no longer fits what it was`, place, !vague)];
  }
  return checker.isTypeAssignableTo(a, b) ? [] : [minor(`${name} can do more`, place)];
}

/** By names and values: two enumerations with other members never fit each other. */
function compareEnums(
  { from, to, checker }: Transplanted,
  name: string,
  place: string,
): ApiChange[] {
  const valuesOf = (symbol: ts.Symbol) =>
    new Map(
      Array.from(symbol.exports?.values() ?? [], ({ name: member, valueDeclaration }) => [
        member,
        valueDeclaration && checker.getConstantValue(valueDeclaration as ts.EnumMember),
      ]),
    );
  const [old, now] = [valuesOf(from), valuesOf(to)];
  const gone = [...old.keys()].filter(
    (member) => !now.has(member) || now.get(member) !== old.get(member),
  );
  const added = [...now.keys()].filter((member) => !old.has(member));
  if (gone.length > 0) return [major(`${name} lost or changed ${some(gone)}`, place)];
  return added.length > 0 ? [minor(`${name} has ${some(added)}`, place)] : [];
}

function compareTypes(
  name: string,
  { from, to, checker, same, apart = false }: Transplanted,
  place: string,
): ApiChange[] {
  const a = same?.from ?? checker.getDeclaredTypeOfSymbol(from);
  const b = same?.to ?? checker.getDeclaredTypeOfSymbol(to);
  const [back, forth] = fits(checker, a, b);
  if (back && forth) return [];
  // what a generic type does with its arguments is often beyond the compiler
  if ((isGeneric(from) || isGeneric(to)) && !(same && back !== forth))
    return [patch(`${name}, which is generic, was written differently`, place, false)];
  if (back || forth) return [minor(`${name} became ${back ? "narrower" : "wider"}`, place, false)];
  // two declarations of one symbol type never fit each other
  const symbols = [from, to].some((one) => /\bsymbol\b/.test(declared(one)));
  return [major(`${name} is another type`, place, !apart && !symbols && !usesUnique(from))];
}

const usesUnique = (symbol: ts.Symbol): boolean =>
  (symbol.declarations ?? []).some((one) => /unique\s+symbol/.test(one.getSourceFile().text));

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

/** Whether what the old declaration refers to inside of the package, and is not exported, is written alike under the same name. */
function sameInside(where: Where, a: ts.Symbol, b: ts.Symbol): boolean {
  const now = new Map(namesIn(where, b).map((symbol) => [symbol.name, symbol]));
  return namesIn(where, a).every((symbol) => {
    if (symbol === a || where.shown.has(symbol) || !isInside(where.old, symbol)) return true;
    // members are a matter of the declaration itself
    if (symbol.declarations?.every((one) => !isTop(where.ts, one))) return true;
    const other = now.get(symbol.name);
    return other !== undefined && unchanged(where, symbol, other);
  });
}

const isInside = (tree: Tree, { declarations = [] }: ts.Symbol): boolean =>
  declarations.every((one) => isOf(tree, one.getSourceFile().fileName));

const isTop = (ts: TypeScript, node: ts.Declaration): boolean =>
  !ts.isSourceFile(node) &&
  (ts.isSourceFile(node.parent) || ts.isVariableDeclarationList(node.parent));

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
