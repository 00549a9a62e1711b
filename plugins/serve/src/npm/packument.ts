import type { Caller } from "@citadel/core/access";
import type { Encoding, Form, View } from "@citadel/core/registry";
import type { Upstream } from "@citadel/core/upstream";
import { isShared, readAs, type Shared } from "../context.ts";
import { notModified } from "../http/conditional.ts";
import type { Answer, Asked } from "../http/exchange.ts";
import type { Site } from "../http/guard.ts";
import { apiHeaders, httpDate } from "../http/headers.ts";
import { encodingsOf, formOf, remember } from "../http/negotiate.ts";
import { orElsewhere } from "./elsewhere.ts";

const suffixes = ["-gzip", "-br", "-zstd"];

/** vlt takes `max-age=0` for no answer and keeps what it has for days: it gets headers of its own. */
type PerClient = readonly [others: readonly string[], vlt: readonly string[]];

/**
 * `GET /<name>`: a look at the document, a look-up of its finished bytes, and out they go.
 * Nothing is parsed, cloned or compressed here.
 */
export function createPackument(
  shared: Shared,
): (asked: Asked, site: Site, name: string) => Promise<Answer> {
  const { citadel } = shared;
  const { registry, views, staleness } = citadel;
  const local = headersBy([
    "citadel-freshness",
    staleness === 0 ? "strict" : `bounded=${staleness}`,
  ]);
  const byOrigin = remember((origin) => headersBy(["citadel-upstream", origin]));
  const common = ({ origin }: View, open: boolean): PerClient =>
    (origin === undefined ? local : byOrigin(origin))[open ? "all" : "readers"];
  const form = remember<Form>(formOf);
  const encodings = remember(encodingsOf);
  /** of a 200, by its body */
  const headersFor = new WeakMap<Uint8Array, PerClient>();

  const answer = (asked: Asked, view: View, open: boolean): Answer => {
    const revalidated = common(view, open);
    const vlt = asked.header("user-agent")?.startsWith("@vltpkg/") ? 1 : 0;
    const same = notModified(asked, view.etag, suffixes, view.modified);
    if (same !== undefined)
      return { status: 304, headers: ["etag", `"${same}"`, ...revalidated[vlt]], body: null };
    const { encoding, bytes } = view.pick(encodings(asked.header("accept-encoding")));
    let headers = open ? headersFor.get(bytes) : undefined;
    if (!headers) {
      headers = headersOf(view, encoding, bytes.length, revalidated);
      if (open) headersFor.set(bytes, headers);
    }
    return { status: 200, headers: headers[vlt], body: asked.method === "HEAD" ? null : bytes };
  };

  const here = async (name: string, wanted: Form, base: string, caller: Caller): Promise<View> => {
    const document = await registry.document(name, caller, { hot: true });
    return views.peek(document, wanted, base) ?? views.get(document, wanted, base);
  };

  const there = async (
    upstream: Upstream,
    asked: Asked,
    { name, wanted, base, caller }: { name: string; wanted: Form; base: string; caller: Caller },
  ): Promise<View> => {
    const again = wantsNew(asked) || !(await citadel.live()).isOn("CACHE_ENABLED");
    return upstream.view(name, wanted, base, caller, { again });
  };

  return async (asked, { base }, name) => {
    const wanted = form(asked.header("accept"));
    const { upstream } = citadel;
    let open = true;
    const view = await readAs(shared, asked, (caller) => {
      open = isShared(caller);
      return orElsewhere(
        here(name, wanted, base, caller),
        upstream && (() => there(upstream, asked, { name, wanted, base, caller })),
      );
    });
    return answer(asked, view, open);
  };
}

/** npm with `--prefer-online`, and pnpm after it published. */
const wantsNew = (asked: Asked): boolean =>
  asked.header("cache-control")?.includes("no-cache") ?? false;

function headersOf(
  view: View,
  encoding: Encoding,
  length: number,
  revalidated: PerClient,
): PerClient {
  const coded = encoding !== "identity";
  const own = [
    ...["content-length", String(length)],
    ...["content-type", view.contentType],
    ...["etag", `"${view.etag}${coded ? `-${encoding}` : ""}"`],
    ...["last-modified", httpDate(view.modified)],
    ...(coded ? ["content-encoding", encoding] : []),
  ];
  return [
    [...own, ...revalidated[0]],
    [...own, ...revalidated[1]],
  ];
}

/** What all answers have in common that say the same about where they come from. */
function headersBy(own: readonly string[]): {
  readonly all: PerClient;
  readonly readers: PerClient;
} {
  const perClient = (more: string, vary: string): PerClient => [
    cached(`${more}max-age=0, must-revalidate`, vary, own),
    cached(`${more}max-age=1, stale-while-revalidate=0`, vary, own),
  ];
  return {
    all: perClient("", "accept, accept-encoding"),
    readers: perClient("private, ", "accept, accept-encoding, authorization"),
  };
}

function cached(control: string, vary: string, own: readonly string[]): readonly string[] {
  return ["cache-control", control, "vary", vary, ...own, ...apiHeaders];
}
