import type ts from "typescript-api";
import type { TypeScript } from "../documents/program.ts";
import { major, minor, patch, type ApiChange } from "./change.ts";
import type { Transplanted } from "./transplant.ts";
import { isGeneric, isVague, plain } from "./written.ts";

export const isObject = (ts: TypeScript, { flags }: ts.Symbol): boolean =>
  (flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface)) !== 0 &&
  (flags & (ts.SymbolFlags.Variable | ts.SymbolFlags.Function)) === 0;

export const some = (names: readonly string[]): string => names.slice(0, 5).join(", ");

interface Asked {
  readonly place: string;
  /** written alike, together with what cannot be compared elsewhere */
  readonly alike: (was: ts.Symbol, is: ts.Symbol) => boolean;
}

/** Classes and interfaces: member by member, as far as the members are written differently. */
export function compareObjects(
  ts: TypeScript,
  name: string,
  { from, to, checker, same, apart = false }: Transplanted,
  { place, alike }: Asked,
): ApiChange[] {
  const isClass = (from.flags & ts.SymbolFlags.Class) !== 0;
  const a = same?.from ?? checker.getDeclaredTypeOfSymbol(from);
  const b = same?.to ?? checker.getDeclaredTypeOfSymbol(to);
  const parts = [compareMembers(checker, a, b, alike)];
  if (isClass)
    parts.push(
      compareMembers(checker, checker.getTypeOfSymbol(from), checker.getTypeOfSymbol(to), alike),
    );
  const gone = parts.flatMap((part) => part.gone);
  const added = parts.flatMap((part) => part.added);
  const changed = parts.flatMap((part) => part.changed);
  if (gone.length > 0) return [major(`${name} lost ${some(gone)}`, place)];
  // what has no name: heritage, constructors, signatures
  const [back, forth] = isClass
    ? fits(checker, checker.getTypeOfSymbol(from), checker.getTypeOfSymbol(to))
    : fits(checker, a, b);
  if (changed.every((one) => one.back) && outline(ts, from) !== outline(ts, to) && !back)
    changed.push({ name: "", back, forth, vague: isClass || isGeneric(from) });

  // arguments of two worlds never fit each other
  if (apart && isGeneric(from) && changed.length > 0) return [minorOr(added, name, place)];
  const wrong = changed.filter((one) => !one.back);
  const label = (one: Changed): string => (one.name === "" ? name : `${name}.${one.name}`);
  if (isClass && wrong.length > 0)
    return wrong.map((one) =>
      major(
        `${label(one)} no longer fits what it was`,
        place,
        !apart && !one.vague && !isGeneric(from),
      ),
    );
  const proven = (all: readonly Changed[]): boolean =>
    !apart && all.every((one) => !one.vague) && (!isGeneric(from) || same !== undefined);
  const other = wrong.filter((one) => !one.forth);
  if (other.length > 0)
    return other.map((one) => major(`${label(one)} is another type`, place, proven([one])));
  const changes: ApiChange[] = [];
  if (added.length > 0) changes.push(minor(`${name} has ${some(added)}`, place, proven(changed)));
  for (const one of changed) {
    if (isClass && !one.forth) changes.push(minor(`${label(one)} can do more`, place));
    else if (one.back !== one.forth)
      changes.push(minor(`${label(one)} became ${one.back ? "narrower" : "wider"}`, place, false));
  }
  return changes;
}

const minorOr = (added: readonly string[], name: string, place: string): ApiChange =>
  added.length > 0
    ? minor(`${name} has ${some(added)}`, place, false)
    : patch(`${name}, which is generic, was written differently`, place, false);

interface Changed {
  /** empty for what has none */
  readonly name: string;
  /** the new one can be used where the old one was, and the other way round */
  readonly back: boolean;
  readonly forth: boolean;
  readonly vague: boolean;
}

function compareMembers(checker: ts.TypeChecker, a: ts.Type, b: ts.Type, alike: Asked["alike"]) {
  const [old, now] = [a, b].map(
    (type) =>
      new Map(
        checker
          .getPropertiesOfType(type)
          .filter((one) => one.name !== "prototype")
          .map((one) => [one.name, one]),
      ),
  ) as [Map<string, ts.Symbol>, Map<string, ts.Symbol>];
  const changed: Changed[] = [];
  for (const [name, was] of old) {
    const is = now.get(name);
    if (!is || is === was || alike(was, is)) continue;
    const [x, y] = [checker.getTypeOfSymbol(was), checker.getTypeOfSymbol(is)];
    const [back, forth] = fits(checker, x, y);
    const strict = back && accepts(checker, x, y);
    changed.push({ name, back: strict, forth, vague: isVague(x) || isVague(y) });
  }
  return {
    gone: [...old.keys()].filter((name) => !now.has(name)),
    added: [...now.keys()].filter((name) => !old.has(name)),
    changed,
  };
}

/** Whether a method takes what it took: the compiler lets the parameters of methods become narrower. */
function accepts(checker: ts.TypeChecker, was: ts.Type, is: ts.Type): boolean {
  const [[from, ...more], [to, ...others]] = [was.getCallSignatures(), is.getCallSignatures()];
  if (!from || !to || more.length + others.length > 0) return true;
  return from.parameters.every((one, i) => {
    const other = to.parameters[i];
    return (
      !other ||
      checker.isTypeAssignableTo(checker.getTypeOfSymbol(one), checker.getTypeOfSymbol(other))
    );
  });
}

export const fits = (
  checker: ts.TypeChecker,
  a: ts.Type,
  b: ts.Type,
): readonly [boolean, boolean] => [
  checker.isTypeAssignableTo(b, a),
  checker.isTypeAssignableTo(a, b),
];

/** Of a class or interface, what is no member with a name. */
function outline(ts: TypeScript, symbol: ts.Symbol): string {
  return (symbol.declarations ?? [])
    .filter((one) => ts.isClassDeclaration(one) || ts.isInterfaceDeclaration(one))
    .map((one) =>
      [
        ...(one.heritageClauses ?? []),
        ...one.members.filter((member) => !member.name),
        ...(one.typeParameters ?? []),
      ]
        .map((node) => plain(node.getText()))
        .join(";"),
    )
    .join(";");
}
