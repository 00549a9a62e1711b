/**
 * A request as the install path sees it: no runtime's own types, nothing parsed in advance.
 * Node, Bun and the web's Request each have one small class for it.
 */
export interface Asked {
  readonly method: string;
  /** request target as sent: path and query, not decoded */
  readonly path: string;
  /** address of the peer that the connection comes from */
  readonly peer: string | undefined;
  /** `name` in lower case; repeated fields are joined with ", " */
  header(name: string): string | undefined;
  /** of HTTP, such as 1.1, where the runtime tells */
  readonly version?: string | undefined;
  /** Hears the id of the trace that the request is recorded in. */
  readonly traced?: ((id: string) => void) | undefined;
}

/** What a request shows of who makes it and where it comes from. */
const shown: readonly string[] = [
  ...["authorization", "cookie", "host", "origin"],
  ...["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"],
];

/** What is kept of a request whose connection outlives it. */
export function remember(asked: Asked): Asked {
  const fields = new Map(shown.map((name) => [name, asked.header(name)]));
  const { method, path, peer } = asked;
  return { method, path, peer, header: (name) => fields.get(name) };
}

/** A finished answer. */
export interface Answer {
  readonly status: number;
  /** names and values in turn; shared between answers, never changed */
  readonly headers: readonly string[];
  /** a stream that fails means: cut the connection */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

/** {@link Asked} over a web-standard request. */
export class AskedRequest implements Asked {
  readonly method: string;
  readonly path: string;
  readonly peer: string | undefined;
  readonly version: string | undefined;
  readonly traced: Asked["traced"];
  readonly #headers: Headers;

  constructor(request: Request, peer: Peer) {
    this.method = request.method;
    this.path = peer.path ?? targetOf(request.url);
    this.peer = peer.address;
    this.version = peer.version;
    this.traced = peer.traced;
    this.#headers = request.headers;
  }
  header(name: string): string | undefined {
    return this.#headers.get(name) ?? undefined;
  }
}

/** What a Request does not tell. */
export interface Peer {
  /** address of the other end of the connection */
  readonly address?: string | undefined;
  /** request target as it was sent, before any URL parser made it nicer */
  readonly path?: string | undefined;
  /** see {@link Asked.version} */
  readonly version?: string | undefined;
  /** see {@link Asked.traced} */
  readonly traced?: Asked["traced"];
}

/** Path and query of an absolute URL. */
function targetOf(url: string): string {
  const slash = url.indexOf("/", url.indexOf("//") + 2);
  return slash < 0 ? "/" : url.slice(slash);
}

/** Makes web-standard responses; header objects of arrays that many answers share are made once. */
export function createResponder(): (answer: Answer) => Response {
  const fieldsOf = new WeakMap<readonly string[], Headers>();
  return ({ status, headers, body }) => {
    let fields = fieldsOf.get(headers);
    if (!fields) {
      fields = new Headers();
      for (let n = 0; n < headers.length; n += 2)
        fields.append(headers[n] ?? "", headers[n + 1] ?? "");
      fieldsOf.set(headers, fields);
    }
    return new Response(body as ConstructorParameters<typeof Response>[0], {
      status,
      headers: fields,
    });
  };
}
