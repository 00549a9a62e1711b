import type ts from "typescript-api";
import { withoutPrivates, type TypeScript } from "../documents/program.ts";

/** A declaration of the old tree and what has taken its place in the new one. */
export interface Pair {
  readonly from: ts.Symbol;
  readonly to: ts.Symbol;
}

/** Both in one world: what the old declaration refers to are the types of now. */
export interface Transplanted extends Pair {
  readonly checker: ts.TypeChecker;
  /** not so: each refers to the types of its own tree, and a member more anywhere may make them differ */
  readonly apart?: boolean;
  /** of a generic declaration, both with the same arguments; undefined where their parameters differ */
  readonly same?: { readonly from: ts.Type; readonly to: ts.Type };
}

/** Old declarations to stand in new files. */
export interface Transplants {
  /** to read declaration files by, see {@link withoutPrivates} */
  edit(ts: TypeScript, file: ts.SourceFile): string;
  /** undefined: it cannot stand there, or refers to what is not there any more */
  find(program: ts.Program, pair: Pair): Transplanted | undefined;
}

const prefix = "__citadel_";

/**
 * Old declarations behind the new ones, each below a name of its own. So a class that got a method is compared by what it says itself,
 * and not by what everything that refers to it could do; what it refers to is compared where it is exported.
 */
export function transplants(ts: TypeScript, pairs: readonly Pair[]): Transplants {
  const texts = new Map<string, string[]>();
  const names = new Map<ts.Symbol, string>();
  for (const { from, to } of pairs) {
    // one symbol may be exported from several entry points
    if (names.has(to)) continue;
    const path = partsOf(ts, to)[0]?.getSourceFile().fileName;
    const name = `${prefix}${names.size}`;
    const text = movable(ts, from, to) ? textOf(ts, from, to, name) : undefined;
    if (path === undefined || text === undefined) continue;
    names.set(to, name);
    texts.set(path, [...(texts.get(path) ?? []), text]);
  }
  return {
    edit(api, file) {
      const text = withoutPrivates(api, file);
      const more = texts.get(file.fileName);
      return more ? `${text}\n${more.join("\n")}\n` : text;
    },
    find(program, { to }) {
      const name = names.get(to);
      const [declaration] = partsOf(ts, to);
      if (name === undefined || !declaration) return undefined;
      const file = program.getSourceFile(declaration.getSourceFile().fileName);
      const checker = program.getTypeChecker();
      const [moved, probe] = [name, `${name}_probe`].map((one) =>
        named(ts, file, (node) => node.text === one),
      );
      const now = named(ts, file, (node) => node.parent.pos === declaration.pos);
      if (!moved || !now || !resolves(ts, checker, moved)) return undefined;
      const [a, b] = [moved, now].map((node) => checker.getSymbolAtLocation(node));
      if (!a || !b) return undefined;
      const [was, is] = probe ? membersOf(checker, probe) : [];
      return { checker, from: a, to: b, ...(was && is && { same: { from: was, to: is } }) };
    },
  };
}

/** Without the namespaces that are merged into it, whose exports are compared on their own. */
const partsOf = (ts: TypeScript, { declarations = [] }: ts.Symbol): ts.Declaration[] =>
  declarations.filter((one) => !ts.isModuleDeclaration(one));

/** Declared at the top of one module, by what has a name. */
function movable(ts: TypeScript, from: ts.Symbol, to: ts.Symbol): boolean {
  return [from, to].every((symbol) => {
    const all = partsOf(ts, symbol);
    const files = new Set(all.map((one) => one.getSourceFile()));
    return (
      files.size === 1 &&
      all.every((one) => {
        const statement = ts.isVariableDeclaration(one) ? one.parent.parent : one;
        const known =
          ts.isClassDeclaration(one) ||
          ts.isInterfaceDeclaration(one) ||
          ts.isTypeAliasDeclaration(one) ||
          ts.isFunctionDeclaration(one) ||
          ts.isVariableDeclaration(one);
        return known && one.name !== undefined && ts.isSourceFile(statement.parent);
      })
    );
  });
}

function textOf(ts: TypeScript, from: ts.Symbol, to: ts.Symbol, name: string): string {
  const own = nameOf(ts, to);
  const texts = partsOf(ts, from).map((one) => {
    const at = (one as ts.NamedDeclaration).name as ts.Identifier;
    const file = one.getSourceFile();
    const start = ts.isVariableDeclaration(one) ? at.getStart(file) : startOf(ts, one, file);
    const keyword = ts.isVariableDeclaration(one) ? "declare const " : "declare ";
    const before = file.text.slice(start, at.getStart(file));
    return `${keyword}${before}${name}${withoutThis(ts, one, at.end, own)};`;
  });
  return [...texts, probeOf(ts, from, to, name)].join("\n");
}

/** What methods return of their own kind is what they return now. */
function withoutThis(ts: TypeScript, node: ts.Declaration, start: number, own: string): string {
  const file = node.getSourceFile();
  const parameters = (node as Generic).typeParameters?.map((one) => one.name.text) ?? [];
  const itself = parameters.length > 0 ? `${own}<${parameters.join(", ")}>` : own;
  let text = "";
  let at = start;
  const visit = (inner: ts.Node): void => {
    if (ts.isThisTypeNode(inner) && !ts.isTypePredicateNode(inner.parent)) {
      text += file.text.slice(at, inner.getStart(file)) + itself;
      at = inner.end;
    }
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return text + file.text.slice(at, node.end);
}

const nameOf = (ts: TypeScript, symbol: ts.Symbol): string =>
  ((partsOf(ts, symbol)[0] as ts.NamedDeclaration).name as ts.Identifier).text;

/** Behind `export`, `default` and `declare`. */
function startOf(ts: TypeScript, node: ts.Declaration, file: ts.SourceFile): number {
  const skipped = new Set([
    ts.SyntaxKind.ExportKeyword,
    ts.SyntaxKind.DefaultKeyword,
    ts.SyntaxKind.DeclareKeyword,
  ]);
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
  const last = modifiers.filter(({ kind }) => skipped.has(kind)).at(-1);
  const start = node.getStart(file);
  return last ? last.end : start;
}

type Generic = ts.Declaration & {
  readonly typeParameters?: ts.NodeArray<ts.TypeParameterDeclaration>;
};
const parametersOf = (symbol: ts.Symbol): readonly ts.TypeParameterDeclaration[] =>
  (symbol.declarations as readonly Generic[] | undefined)?.find((one) => one.typeParameters)
    ?.typeParameters ?? [];

/** A type that has both, with the same arguments; empty where there is none, or what may be an argument has changed. */
function probeOf(ts: TypeScript, from: ts.Symbol, to: ts.Symbol, name: string): string {
  const { Class, Interface, TypeAlias } = ts.SymbolFlags;
  if (!(to.flags & (Class | Interface | TypeAlias))) return "";
  const [old, now] = [parametersOf(from), parametersOf(to)];
  const bounds = (all: readonly ts.TypeParameterDeclaration[]): string =>
    all.map(({ constraint }) => constraint?.getText().replace(/\s+/g, "") ?? "").join();
  if (old.length !== now.length || bounds(old) !== bounds(now)) return "";
  const [declared, used] =
    now.length === 0
      ? ["", ""]
      : [
          `<${now.map((one) => one.getText()).join(", ")}>`,
          `<${now.map((one) => one.name.text).join(", ")}>`,
        ];
  return `interface ${name}_probe${declared} { from: ${name}${used}; to: ${nameOf(ts, to)}${used} }`;
}

function named(
  ts: TypeScript,
  file: ts.SourceFile | undefined,
  fits: (name: ts.Identifier) => boolean,
): ts.Identifier | undefined {
  for (const statement of file?.statements ?? []) {
    const declarations: readonly ts.Node[] = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations
      : [statement];
    for (const one of declarations) {
      const { name } = one as ts.NamedDeclaration;
      if (name && ts.isIdentifier(name) && fits(name)) return name;
    }
  }
  return undefined;
}

/** Whether every type that the declarations name is there. */
function resolves(ts: TypeScript, checker: ts.TypeChecker, name: ts.Identifier): boolean {
  let complete = true;
  const visit = (node: ts.Node): void => {
    if (!complete) return;
    const reference = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : ts.isTypeQueryNode(node)
          ? node.exprName
          : undefined;
    const symbol = reference && checker.getSymbolAtLocation(reference);
    if (reference && (!symbol || symbol.escapedName === ts.InternalSymbolName.Missing)) complete = false; // prettier-ignore
    ts.forEachChild(node, visit);
  };
  for (const one of checker.getSymbolAtLocation(name)?.declarations ?? []) visit(one);
  return complete;
}

function membersOf(checker: ts.TypeChecker, probe: ts.Identifier): (ts.Type | undefined)[] {
  const symbol = checker.getSymbolAtLocation(probe);
  const type = symbol && checker.getDeclaredTypeOfSymbol(symbol);
  return ["from", "to"].map((name) => {
    const member = type && checker.getPropertyOfType(type, name);
    return member && checker.getTypeOfSymbol(member);
  });
}
