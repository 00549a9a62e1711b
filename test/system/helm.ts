/** What a chart is rendered with. */
type Context = Readonly<Record<string, unknown>>;

/**
 * The part of Go's templates that the chart uses: values, `default`, `quote`, `toJson`, `if`, `if gt (int x) n`, and `range` over a
 * map. Anything else is an error.
 */
export function render(text: string, context: Context): string {
  const parts = text.split(/(?:[ \t]*\n)?([ \t]*\{\{-[^}]*\}\}|\{\{[^}]*\}\})/);
  let at = 0;
  const block = (scope: Context, shown: boolean): { text: string; end: string } => {
    let out = "";
    while (at < parts.length) {
      const part = parts[at++] as string;
      const [, code] = /^\s*\{\{-?\s*(.*?)\s*-?\}\}$/s.exec(part) ?? [];
      if (code === undefined) out += part;
      else if (code === "end" || code === "else") return { text: out, end: code };
      else if (code.startsWith("if ")) {
        const yes = truth(code.slice(3), scope);
        const first = block(scope, shown && yes);
        const second = first.end === "else" ? block(scope, shown && !yes) : { text: "" };
        out += yes ? first.text : second.text;
      } else if (code.startsWith("range ")) {
        const [, key = "", value = "", from = ""] = /^range (\$\w+), (\$\w+) := (\S+)$/.exec(code) ?? fail(code); // prettier-ignore
        const begin = at;
        const entries = Object.entries(valueOf(from, scope) as object);
        block(scope, false);
        const behind = at;
        for (const [name, item] of shown ? entries : []) {
          at = begin;
          out += block({ ...scope, [key]: name, [value]: item }, true).text;
        }
        at = behind;
      } else out += shown ? String(pipeline(code, scope)) : "";
    }
    return { text: out, end: "" };
  };
  return block(context, true).text;
}

function truth(code: string, scope: Context): boolean {
  const [, path, least] = /^gt \(int (\S+)\) (\d+)$/.exec(code) ?? [];
  return path === undefined ? Boolean(valueOf(code, scope)) : Number(valueOf(path, scope)) > Number(least); // prettier-ignore
}

function pipeline(code: string, scope: Context): unknown {
  const [first = "", ...steps] = code.split("|").map((part) => part.trim());
  let value = valueOf(first, scope);
  for (const step of steps) {
    const [name, argument = ""] = step.split(" ");
    if (name === "quote") value = JSON.stringify(String(value));
    else if (name === "toJson") value = JSON.stringify(value);
    else if (name === "default") value = value || valueOf(argument, scope);
    else fail(step);
  }
  return value;
}

function valueOf(path: string, scope: Context): unknown {
  if (path.startsWith("$")) return scope[path];
  if (!path.startsWith(".")) return fail(path);
  let value: unknown = scope;
  for (const name of path.slice(1).split(".")) {
    if (!Object.hasOwn(value as object, name)) return fail(path);
    value = (value as Context)[name];
  }
  return value;
}

function fail(code: string): never {
  throw new Error(`the chart uses what is not known here: ${code}`);
}
