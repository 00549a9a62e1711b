import type ts from "typescript-api";
import type { ItemKind } from "./outline.ts";
import type { Loaded, TypeScript } from "./program.ts";

/** A program with the folder that it is about. */
export interface Reader extends Loaded {
  readonly ts: TypeScript;
  /** absolute */
  readonly root: string;
}

const longest = 4000;

/** Kind and signature of a symbol. */
export function shapeOf(
  reader: Reader,
  symbol: ts.Symbol,
  name: string,
): { readonly kind: ItemKind; readonly signature: string } {
  const all = symbol.declarations ?? [];
  // what a function or class has besides is among its members
  const main = all.filter((one) => !reader.ts.isModuleDeclaration(one));
  const lines = (main.length > 0 ? main : all.slice(0, 1)).flatMap((one) => {
    const text = written(reader, one) ?? inferred(reader, symbol, one, name);
    return text === undefined ? [] : [text];
  });
  const signature = [...new Set(lines)].join("\n").slice(0, longest);
  return { kind: kindOf(reader, symbol), signature: signature || name };
}

function kindOf({ ts, checker }: Reader, symbol: ts.Symbol): ItemKind {
  const { flags, valueDeclaration } = symbol;
  const is = ts.SymbolFlags;
  if (flags & is.Class) return "class";
  if (flags & is.Method) return "method";
  if (flags & is.Constructor) return "constructor";
  if (flags & is.Function) return "function";
  if (flags & is.Enum) return "enum";
  if (flags & is.EnumMember) return "member";
  if (flags & (is.Accessor | is.Property))
    return valueDeclaration && isMember(ts, valueDeclaration)
      ? "property"
      : callable(checker, symbol)
        ? "function"
        : "constant";
  if (flags & is.Variable) {
    if (callable(checker, symbol)) return "function";
    return valueDeclaration && ts.getCombinedNodeFlags(valueDeclaration) & ts.NodeFlags.Const
      ? "constant"
      : "variable";
  }
  if (flags & is.Interface) return "interface";
  if (flags & is.TypeAlias) return "type";
  if (flags & is.Namespace) return "namespace";
  if (flags & is.Signature)
    return symbol.name === ts.InternalSymbolName.Index ? "property" : "method";
  return "export";
}

/** What stands for members without a name. */
export function nameOf({ ts }: Reader, { name }: ts.Symbol): string {
  switch (name) {
    case ts.InternalSymbolName.Constructor:
      return "constructor";
    case ts.InternalSymbolName.Call:
      return "()";
    case ts.InternalSymbolName.New:
      return "new ()";
    case ts.InternalSymbolName.Index:
      return "[index]";
    default:
      return name;
  }
}

const isMember = (ts: TypeScript, node: ts.Node): boolean =>
  ts.isClassElement(node) || ts.isTypeElement(node) || ts.isParameter(node);

const callable = (checker: ts.TypeChecker, symbol: ts.Symbol): boolean =>
  checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0;

/** A declaration as it is written, without body, comments and `export`; undefined where types would be missing then. */
function written({ ts }: Reader, node: ts.Declaration): string | undefined {
  const file = node.getSourceFile();
  if (!/\.[cm]?ts$/.test(file.fileName)) return undefined;
  const bare = withoutBody(ts, node);
  if (!bare) return undefined;
  const printer = ts.createPrinter({ removeComments: true });
  return printer
    .printNode(ts.EmitHint.Unspecified, bare, file)
    .replace(/\s*\{\s*\}$/, "")
    .replace(/;$/, "");
}

function withoutBody(ts: TypeScript, node: ts.Declaration): ts.Node | undefined {
  const { factory: make } = ts;
  const kept = (one: ts.Node): ts.Modifier[] =>
    (ts.canHaveModifiers(one) ? (ts.getModifiers(one) ?? []) : []).filter(
      ({ kind }) =>
        kind !== ts.SyntaxKind.ExportKeyword &&
        kind !== ts.SyntaxKind.DeclareKeyword &&
        kind !== ts.SyntaxKind.DefaultKeyword &&
        kind !== ts.SyntaxKind.PublicKeyword,
    );
  if (ts.isFunctionDeclaration(node)) {
    const { asteriskToken, name, typeParameters, parameters, type } = node;
    if (!type) return undefined;
    return make.createFunctionDeclaration(
      ...([kept(node), asteriskToken, name, typeParameters, parameters, type] as const),
      undefined,
    );
  }
  if (ts.isClassDeclaration(node))
    return make.createClassDeclaration(
      ...([kept(node), node.name, node.typeParameters, node.heritageClauses, []] as const),
    );
  if (ts.isInterfaceDeclaration(node))
    return make.createInterfaceDeclaration(
      ...([kept(node), node.name, node.typeParameters, node.heritageClauses, []] as const),
    );
  if (ts.isTypeAliasDeclaration(node))
    return make.createTypeAliasDeclaration(
      ...([kept(node), node.name, node.typeParameters, node.type] as const),
    );
  if (ts.isEnumDeclaration(node)) return make.createEnumDeclaration(kept(node), node.name, []);
  if (ts.isVariableDeclaration(node)) {
    if (!node.type) return undefined;
    const list = [make.createVariableDeclaration(node.name, undefined, node.type)];
    const flags = ts.getCombinedNodeFlags(node) & ts.NodeFlags.BlockScoped;
    return make.createVariableStatement([], make.createVariableDeclarationList(list, flags));
  }
  if (ts.isModuleDeclaration(node)) {
    const { Namespace } = ts.NodeFlags;
    return make.createModuleDeclaration([], node.name, undefined, Namespace);
  }
  if (ts.isMethodDeclaration(node)) {
    const { asteriskToken, name, questionToken, typeParameters, parameters, type } = node;
    if (!type) return undefined;
    return make.createMethodDeclaration(
      ...([kept(node), asteriskToken, name, questionToken, typeParameters] as const),
      ...([parameters, type, undefined] as const),
    );
  }
  if (ts.isConstructorDeclaration(node))
    return make.createConstructorDeclaration(kept(node), node.parameters, undefined);
  if (ts.isPropertyDeclaration(node))
    return node.type
      ? make.createPropertyDeclaration(
          ...([kept(node), node.name, node.questionToken, node.type, undefined] as const),
        )
      : undefined;
  if (ts.isAccessor(node) && node.body) return undefined;
  return ts.isTypeElement(node) || ts.isAccessor(node) || ts.isEnumMember(node) ? node : undefined;
}

/** What the compiler makes of code: its JSDoc and what can be told from values. */
function inferred(
  { ts, checker }: Reader,
  symbol: ts.Symbol,
  node: ts.Declaration,
  name: string,
): string | undefined {
  const { flags } = symbol;
  if (flags & ts.SymbolFlags.Class) return `class ${name}`;
  if (!(flags & ts.SymbolFlags.Value)) return undefined;
  const type = checker.getTypeOfSymbolAtLocation(symbol, node);
  const format = ts.TypeFormatFlags.NoTruncation;
  const calls = type.getCallSignatures();
  if (calls.length === 0) return `${name}: ${checker.typeToString(type, undefined, format)}`;
  const word = flags & ts.SymbolFlags.Method ? "" : "function ";
  return calls
    .map((call) => `${word}${name}${checker.signatureToString(call, undefined, format)}`)
    .join("\n");
}

/** What is declared inside of a class, interface, enum or namespace, for everybody to use. */
export function membersOf({ ts, checker }: Reader, symbol: ts.Symbol): ts.Symbol[] {
  const is = ts.SymbolFlags;
  if (symbol.flags & is.Enum) return [...(symbol.exports?.values() ?? [])];
  const own = symbol.flags & (is.Class | is.Interface) ? [...(symbol.members?.values() ?? [])] : [];
  const beside =
    symbol.flags & (is.Class | is.NamespaceModule | is.ValueModule)
      ? checker.getExportsOfModule(symbol)
      : [];
  return [...own, ...beside].filter(
    (member) =>
      !(member.flags & is.TypeParameter) &&
      member.name !== "prototype" &&
      !member.name.startsWith("__@") &&
      (member.declarations ?? []).every((one) => isOpen(ts, one)),
  );
}

function isOpen(ts: TypeScript, node: ts.Declaration): boolean {
  const { name } = node as { name?: ts.Node };
  if (name && ts.isPrivateIdentifier(name)) return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (ts.getCombinedModifierFlags(node) & hidden) === 0;
}
