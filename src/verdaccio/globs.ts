import { isPattern } from "../patterns.ts";

/** expansions of braces at most */
const most = 50;

/** The patterns of Citadel that mean what a glob of Verdaccio means; empty when there are none. */
export function patternsOf(glob: string): string[] {
  const patterns = expand(glob)?.map(patternOf) ?? [];
  return patterns.every((pattern) => pattern !== undefined) ? patterns : [];
}

/** The shortest pattern that has every name of a glob; undefined where that would be all names. */
export function widerThan(glob: string): string | undefined {
  const [beginning = ""] = glob.split(/[*?{[!(+]/);
  return beginning !== "" && isPattern(`${beginning}*`) ? `${beginning}*` : undefined;
}

function patternOf(glob: string): string | undefined {
  if (glob === "**" || glob === "*") return "*";
  if (/^@\*\*?\/\*\*?$/.test(glob)) return "@*";
  const pattern = glob.replace(/\*\*?$/, "*");
  return isPattern(pattern) ? pattern : undefined;
}

/** `{a,b}-*` as `a-*` and `b-*`. */
function expand(glob: string): string[] | undefined {
  let done = [glob];
  while (done.some((one) => one.includes("{"))) {
    const next = done.flatMap((one) => {
      const [all, before, inside, after] = /^([^{}]*)\{([^{}]*)\}(.*)$/s.exec(one) ?? [];
      if (all === undefined) return one.includes("{") ? [] : [one];
      return (inside ?? "").split(",").map((part) => `${before}${part}${after}`);
    });
    if (next.length === 0 || next.length > most) return undefined;
    done = next;
  }
  return done;
}
