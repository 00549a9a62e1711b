import { CitadelError } from "../errors.ts";

/** Where to listen, as settings. */
export interface Listening {
  readonly host: readonly string[];
  readonly port: number;
}

const everywhere = ["127.0.0.1", "::1"];

/**
 * `4873`, `host:4873`, `:4873`, `[::1]:4873` or `http://host:4873`, as Verdaccio reads them: without a host it is this machine only.
 * @throws E_CONFIG for anything else, and for https and Unix sockets, which a proxy in front has to do
 */
export function parseListen(text: string): Listening {
  const [, scheme, bracketed, plain, digits] =
    /^(?:(https?):(?:\/\/)?)?(?:(?:\[([^[\]]+)\]|([^/:]*)):)?(\d{1,5})\/?$/.exec(text.trim()) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535 || scheme === "https")
    throw new CitadelError(
      "E_CONFIG",
      `${JSON.stringify(text.slice(0, 200))} is no place to listen at`,
      {
        hint: [
          "name host and port, such as 0.0.0.0:4873",
          "for https and Unix sockets put a proxy in front: docs/serve.md",
        ],
      },
    );
  const host = bracketed ?? plain ?? "";
  return { host: host === "" || host === "localhost" ? everywhere : [host], port };
}

/** Several addresses with one port. @throws E_CONFIG when their ports differ */
export function parseListens(texts: readonly string[]): Listening | undefined {
  const all = texts.map(parseListen);
  const [first] = all;
  if (!first) return undefined;
  if (all.some(({ port }) => port !== first.port))
    throw new CitadelError("E_CONFIG", "listen names several ports; all addresses share one here", {
      hint: ["choose one: citadel serve --listen 0.0.0.0:4873"],
    });
  return { host: [...new Set(all.flatMap(({ host }) => host))], port: first.port };
}
