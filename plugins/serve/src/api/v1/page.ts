import { html, type Html } from "../../auth/html.ts";
import { page } from "../../auth/pages/page.ts";
import type { Site } from "../../http/guard.ts";
import { openApi } from "./openapi.ts";
import type { Operation } from "./operation.ts";

type Json = Readonly<Record<string, unknown>>;

/** As much of the description as the page shows. */
interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Said>>>>;
  readonly components: { readonly schemas: Json };
}
interface Said {
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: { readonly type?: string; readonly description?: string };
}
interface Body {
  readonly content?: { readonly "application/json"?: { readonly schema: unknown } };
}

/** The description of the API for people: no script, nothing loaded. */
export function docs(operations: readonly Operation[], { base }: Site): Response {
  const { paths, components } = openApi(operations, base) as unknown as Described;
  const { schemas } = components;
  const body = html`
    <h1>Package API</h1>
    <p class="soft">
      The same packages as the npm protocol. For programs:
      <a href="${base}api/v1/openapi.json">openapi.json</a>. A token, an API key or a JWT goes into
      <code>authorization: Bearer</code>.
    </p>
    ${operations.map(({ id, method, path, summary }) => {
      const said = paths[`/api/v1${path}`]?.[method];
      if (!said) return false;
      const { requestBody, responses } = said;
      return html`<section aria-labelledby="${id}">
        <h2 id="${id}">${summary}</h2>
        <p><code>${method.toUpperCase()} /api/v1${path}</code></p>
        ${parameters(said.parameters)}
        ${requestBody && block("Body", contentOf(requestBody), schemas)}
        ${Object.entries(responses)
          .filter(([status]) => status < "300")
          .map(([status, answer]) => block(`Answer ${status}`, contentOf(answer), schemas))}
        <p class="soft">
          Errors:
          ${Object.keys(responses)
            .filter((status) => status >= "400")
            .join(", ")}
        </p>
      </section>`;
    })}
    ${block("Every error", schemas["Error"], schemas)}
  `;
  return page({ title: "Package API", site: new URL(base).host, body, wide: true });
}

const parameters = (all: readonly Parameter[]): Html | false =>
  all.length > 0 &&
  html`<dl>
    ${all.map(
      ({ name, in: where, description, schema }) =>
        html`<div>
          <dt>${name}</dt>
          <dd>in the ${where}: ${schema.type ?? "text"} ${description ?? schema.description}</dd>
        </div>`,
    )}
  </dl>`;

const contentOf = ({ content }: Body): unknown => content?.["application/json"]?.schema;

function block(title: string, schema: unknown, schemas: Json): Html | false {
  if (!schema) return false;
  const text = JSON.stringify(resolved(schema, schemas), undefined, 2);
  return html`<details>
    <summary>${title}</summary>
    <pre tabindex="0">${text}</pre>
  </details>`;
}

/** With what it refers to in its place. */
function resolved(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((each) => resolved(each, schemas));
  if (typeof value !== "object" || value === null) return value;
  const { $ref, ...rest } = value as Json;
  if (typeof $ref === "string") return resolved(schemas[$ref.split("/").at(-1) ?? ""], schemas);
  return Object.fromEntries(
    Object.entries(rest).map(([key, each]) => [key, resolved(each, schemas)]),
  );
}
