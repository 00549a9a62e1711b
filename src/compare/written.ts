import type ts from "typescript-api";

/** Assignability of overloads and of generics is a guess of the compiler. */
export function isVague(type: ts.Type): boolean {
  const signatures = [...type.getCallSignatures(), ...type.getConstructSignatures()];
  return signatures.length > 1 || signatures.some(({ typeParameters }) => typeParameters?.length);
}

export const isGeneric = (symbol: ts.Symbol): boolean =>
  (symbol.declarations ?? []).some(
    (one) => ((one as { typeParameters?: readonly unknown[] }).typeParameters?.length ?? 0) > 0,
  );

/** Declarations without comments, blanks and what formatters add. */
export const declared = (symbol: ts.Symbol): string =>
  (symbol.declarations ?? []).map((one) => plain(one.getText())).join(";");

export const plain = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")
    .replace(/^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?/, "")
    .replace(/\s+/g, "")
    .replace(/(?<=[=(:<,])[|&]/g, "")
    .replace(/[,;](?=[)\]}>])/g, "");
