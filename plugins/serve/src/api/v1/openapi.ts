import * as z from "zod";
import type { Operation } from "./operation.ts";
import { failure } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

const usual = [400, 429, 500];
const meanings: Readonly<Record<number, string>> = {
  200: "it is so",
  201: "made",
  204: "done",
  400: "the request is not what it must be",
  401: "a credential is missing, or not good",
  403: "the credential does not allow it",
  404: "there is no such thing, or it is not yours to see",
  409: "it is there already",
  413: "it is too large",
  429: "too many requests; retry-after says when to come back",
  500: "the registry failed",
  503: "the store does not answer",
};

/** The description of the API (OpenAPI 3.1), made of the same table as its routes. @param base of the registry */
export function openApi(operations: readonly Operation[], base: string): Json {
  const schemas: Record<string, unknown> = {};
  const of = (schema: z.ZodType, io: "input" | "output"): Json => {
    const { $schema: _, $defs, ...made } = z.toJSONSchema(schema, { io, reused: "inline" });
    for (const [id, definition] of Object.entries($defs ?? {}))
      schemas[id] = Object.fromEntries(
        Object.entries(definition as Json).filter(([key]) => key !== "id"),
      );
    const id = z.globalRegistry.get(schema)?.id;
    if (id === undefined) return made;
    // at the top it may stand itself, or what refers to it
    const { id: _id, ...own } = made as Json;
    if (!("$ref" in own)) schemas[id] = own;
    return { $ref: `#/components/schemas/${id}` };
  };
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations)
    (paths[`/api/v1${operation.path}`] ??= {})[operation.method] = describe(operation, of);
  const text = JSON.stringify({
    openapi: "3.1.0",
    info: {
      title: "Citadel package API",
      version: "1",
      description:
        "The same packages as the npm protocol: what one side publishes the other installs.",
    },
    servers: [{ url: base.replace(/\/$/, "") }],
    tags: ["packages", "registry", "accounts"].map((name) => ({ name })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "a token, an API key or a JWT" },
      },
    },
  });
  return JSON.parse(text.replaceAll("#/$defs/", "#/components/schemas/")) as Json;
}

function describe(
  { id, path, summary, tag, query, body, answer: [status, schema], errors, signedIn }: Operation,
  of: (schema: z.ZodType, io: "input" | "output") => Json,
): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: "path", required: true, schema: { type: "string" } },
    ...(name === "name" && {
      description: "with its scope; the slash may be %2f",
      example: "@acme/utils",
    }),
  }));
  const { properties = {} } = query ? (z.toJSONSchema(query, { io: "input" }) as Json) : {};
  const inQuery = Object.entries(properties as Readonly<Record<string, Json>>).map(
    ([name, each]) => ({ name, in: "query", required: false, schema: each }),
  );
  const bytes = status === 200 && !schema;
  const content = schema
    ? { "application/json": { schema: of(schema, "output") } }
    : { "application/octet-stream": { schema: { type: "string", format: "binary" } } };
  const failures = [...usual, ...errors].toSorted((a, b) => a - b);
  return {
    ...{ operationId: id, summary, tags: [tag] },
    parameters: [...inPath, ...inQuery],
    ...(body && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: of(body, "input") } },
      },
    }),
    responses: {
      [status]: {
        description: meanings[status],
        ...((schema || bytes) && { content }),
      },
      ...Object.fromEntries(
        failures.map((code) => [
          code,
          {
            description: meanings[code],
            content: { "application/json": { schema: of(failure, "output") } },
          },
        ]),
      ),
    },
    security: signedIn ? [{ bearer: [] }] : [{}, { bearer: [] }],
  };
}
