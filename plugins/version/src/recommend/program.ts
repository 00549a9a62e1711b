import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type ts from "typescript-api";

export type TypeScript = typeof ts;

/** The compiler with an API; large, and CommonJS, so it is loaded only here. */
export async function loadTypeScript(): Promise<TypeScript> {
  return (await import("typescript-api")).default;
}

export interface Loaded {
  readonly program: ts.Program;
  readonly checker: ts.TypeChecker;
  /** modules that neither tree nor its packages explain; types that use them are `any` */
  readonly unresolved: ReadonlySet<string>;
}

/**
 * Both trees in one program. What one tree imports of other packages is looked for beside `home` too, so that both mean the same;
 * private members are left out, because two declarations of them never fit each other.
 * @param files absolute paths of declarations and code
 */
export function load(ts: TypeScript, files: readonly string[], home: string): Loaded {
  const options: ts.CompilerOptions = {
    allowJs: true,
    checkJs: false,
    maxNodeModuleJsDepth: 0,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  const unresolved = new Set<string>();
  const host = ts.createCompilerHost(options);
  const lib = dirname(createRequire(import.meta.url).resolve("typescript-api"));
  host.getDefaultLibLocation = () => lib;
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, language, failed, fresh) => {
    const file = read(path, language, failed, fresh);
    if (!file || !/\.d\.[mc]?ts$/.test(path) || path.startsWith(lib)) return file;
    const open = withoutPrivates(ts, file);
    if (open === file.text) return file;
    const again = ts.createSourceFile(path, open, language, true);
    if (file.impliedNodeFormat !== undefined) again.impliedNodeFormat = file.impliedNodeFormat;
    return again;
  };
  const anchor = join(home, "package.json.ts");
  host.resolveModuleNameLiterals = (literals, from, redirected, given, source) =>
    literals.map((literal) => {
      const mode = ts.getModeForUsageLocation(source, literal, given);
      const at = (file: string) =>
        ts.resolveModuleName(literal.text, file, given, host, undefined, redirected, mode);
      const found = at(from);
      if (found.resolvedModule || /^\.{0,2}\//.test(literal.text)) return found;
      const beside = at(anchor);
      if (!beside.resolvedModule) unresolved.add(literal.text);
      return beside;
    });
  const program = ts.createProgram([...files], options, host);
  return { program, checker: program.getTypeChecker(), unresolved };
}

/** The text with private members blanked and protected ones made public, every line where it was. */
function withoutPrivates(ts: TypeScript, file: ts.SourceFile): string {
  const cuts: (readonly [start: number, end: number])[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isClassElement(node) && !ts.isConstructorDeclaration(node)) {
      const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
      const has = (kind: ts.SyntaxKind) => modifiers.find((one) => one.kind === kind);
      const hidden = node.name !== undefined && ts.isPrivateIdentifier(node.name);
      const guarded = has(ts.SyntaxKind.ProtectedKeyword);
      if (hidden || has(ts.SyntaxKind.PrivateKeyword)) cuts.push([node.getStart(file), node.end]);
      else if (guarded) cuts.push([guarded.getStart(file), guarded.end]);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  let text = file.text;
  for (const [start, end] of cuts)
    text = text.slice(0, start) + text.slice(start, end).replace(/[^\n]/g, " ") + text.slice(end);
  return text;
}
