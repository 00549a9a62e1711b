import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type ts from "typescript-api";
import { CitadelError } from "../errors.ts";

export type TypeScript = typeof ts;

/** The compiler with an API; large, and CommonJS, so it is loaded only here. */
export async function loadTypeScript(): Promise<TypeScript> {
  return (await import("typescript-api")).default;
}

export interface Loaded {
  readonly program: ts.Program;
  readonly checker: ts.TypeChecker;
  /** modules that neither the trees nor their packages explain; types that use them are `any` */
  readonly unresolved: ReadonlySet<string>;
}

export interface LoadOptions {
  /** folder beside which is looked for what cannot be found otherwise */
  readonly home: string;
  /** text that is read in place of a declaration file's */
  readonly edit?: (ts: TypeScript, file: ts.SourceFile) => string;
  /** folder that nothing outside of is read, whatever files refer to @default any */
  readonly within?: string;
  /** bytes of files, the compiler's own not counted @default any */
  readonly limit?: number;
  /** the compiler's own files as read before, by path; what is missing is added */
  readonly own?: Map<string, ts.SourceFile>;
}

/**
 * Trees of packages in one program.
 * @param files absolute paths of declarations and code
 * @throws E_TOO_LARGE
 */
export function load(ts: TypeScript, files: readonly string[], options: LoadOptions): Loaded {
  const { home, edit, within, limit = Infinity, own = new Map<string, ts.SourceFile>() } = options;
  const settings: ts.CompilerOptions = {
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
  const host = ts.createCompilerHost(settings);
  const lib = dirname(createRequire(import.meta.url).resolve("typescript-api"));
  host.getDefaultLibLocation = () => lib;
  if (within !== undefined) confine(host, (path) => isIn(within, path) || isIn(lib, path));
  const read = host.getSourceFile.bind(host);
  let size = 0;
  host.getSourceFile = (path, language, failed, fresh) => {
    const file = own.get(path) ?? read(path, language, failed, fresh);
    if (!file) return file;
    if (isIn(lib, path)) {
      own.set(path, file);
      return file;
    }
    size += file.text.length;
    if (size > limit)
      throw new CitadelError("E_TOO_LARGE", `its types are more than ${limit} characters`);
    if (!edit || !/\.d\.[mc]?ts$/.test(path)) return file;
    const open = edit(ts, file);
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
  const program = ts.createProgram([...files], settings, host);
  return { program, checker: program.getTypeChecker(), unresolved };
}

const isIn = (folder: string, path: string): boolean =>
  path === folder || (path.startsWith(`${folder}/`) && !path.includes("/../"));

/** What lies elsewhere is not there. */
function confine(host: ts.CompilerHost, allowed: (path: string) => boolean): void {
  const { readFile, fileExists, directoryExists, getDirectories, realpath } = host;
  host.readFile = (path) => (allowed(path) ? readFile(path) : undefined);
  host.fileExists = (path) => allowed(path) && fileExists(path);
  if (directoryExists) host.directoryExists = (path) => allowed(path) && directoryExists(path);
  if (getDirectories) host.getDirectories = (path) => (allowed(path) ? getDirectories(path) : []);
  if (realpath) host.realpath = (path) => (allowed(path) ? realpath(path) : path);
  const source = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...more) => (allowed(path) ? source(path, ...more) : undefined);
}

/**
 * The text with private members blanked and protected ones made public, every line where it was: two declarations of private
 * members never fit each other.
 */
export function withoutPrivates(ts: TypeScript, file: ts.SourceFile): string {
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
