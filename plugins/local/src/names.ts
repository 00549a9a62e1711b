import { CitadelError } from "@citadel/core/errors";

/**
 * The npm name of a name and a scope as typed: `hello` and `demo` make `@demo/hello`.
 * @param scope with or without `@`; empty or `-` for none
 * @throws E_INVALID_NAME when the name brings another scope
 */
export function npmName(name: string, scope: string): string {
  const bare = scope === "-" ? "" : scope.replace(/^@/, "");
  const own = /^@([^/]*)\/(.*)$/s.exec(name);
  if (own && own[1] !== bare)
    throw new CitadelError("E_INVALID_NAME", `${name} is not in the scope ${scope || "-"}`, {
      hint: [`write the name without its scope: ${own[2]}`],
    });
  const plain = own?.[2] ?? name;
  return bare === "" ? plain : `@${bare}/${plain}`;
}

/** The scope of an npm name without `@`; undefined when it has none. */
export const scopeOf = (name: string): string | undefined => /^@([^/]+)\//.exec(name)?.[1];

/** An npm name without its scope. */
export const bareName = (name: string): string => name.slice(name.indexOf("/") + 1);
