/** Markup that is safe to send. */
export interface Html {
  readonly html: string;
}

type Value = string | false | undefined | Html | readonly Value[];

/** Markup with values in it: texts are escaped, markup stays, lists are joined, `false` and `undefined` are nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return {
    html: parts.reduce((before, part, n) => before + markupOf(values[n - 1]) + part),
  };
}

function markupOf(value: Value): string {
  if (value === undefined || value === false) return "";
  if (typeof value === "string")
    return value.replace(/[&<>"'`=]/g, (character) => `&#${character.charCodeAt(0)};`);
  return "html" in value ? value.html : value.map(markupOf).join("");
}
