import { CitadelError, errors, type ErrorCode } from "@citadel/core";
import { createEgress, type Egress, type Reply } from "@citadel/core/egress";
import { isObject, type JsonObject } from "@citadel/core/registry";

/** A registry that is there to be asked. */
export interface Place {
  /** with a trailing slash */
  readonly url: string;
  /** a bearer token */
  readonly token?: string | undefined;
  /** what the addresses in its packuments begin with, where that is not `url` */
  readonly base?: string;
}

/** A package as a registry shows it. */
export interface Listing {
  readonly document: JsonObject;
  /** the registry behind that has it; undefined: it was published here */
  readonly upstream: string | undefined;
}

/** What a registry knows of a name. */
export interface About {
  /** packages published here that have a program of this name */
  readonly programs: readonly string[];
  /** names of packages published here that are much like it */
  readonly alike: readonly string[];
}

export interface RegistryClient {
  readonly place: Place;
  /** @throws what the registry says, E_REMOTE_* */
  packument(name: string): Promise<Listing>;
  /** Why a version, range or tag is not there: the registry's own words. */
  refusal(name: string, wanted: string): Promise<CitadelError | undefined>;
  /** Nothing where the registry cannot say. */
  about(name: string): Promise<About>;
  close(): Promise<void>;
}

const short = "application/vnd.npm.install-v1+json";
/** bytes of a packument */
const largest = 200e6;

export function createClient(place: Place): RegistryClient {
  const { origin } = new URL(place.url);
  const egress: Egress = createEgress({
    allow: [origin],
    only: [origin],
    ...(place.token !== undefined && {
      credentials: { origin, authorization: `Bearer ${place.token}` },
    }),
  });
  const get = (path: string, accept = "application/json"): Promise<Reply> =>
    egress.fetch(new URL(path, place.url), { headers: { accept }, limit: largest });

  return {
    place,

    async packument(name) {
      const reply = await get(inUrl(name), short);
      if (reply.status !== 200) throw await errorOf(reply, name);
      const document = await json(reply);
      if (!isObject(document) || document["name"] !== name)
        throw new CitadelError("E_REMOTE_ANSWER", `${origin} answers something else for ${name}`);
      const here = reply.header("citadel-freshness") !== undefined;
      const upstream = reply.header("citadel-upstream") ?? (here ? undefined : reply.url.host);
      return { document, upstream };
    },

    async refusal(name, wanted) {
      const reply = await get(`${inUrl(name)}/${encodeURIComponent(wanted)}`);
      if (reply.status !== 200) return errorOf(reply, name);
      reply.cancel();
      return undefined;
    },

    async about(name) {
      const reply = await get(`-/citadel/v1/names/${inUrl(name)}`);
      const found = reply.status === 200 ? await json(reply) : (reply.cancel(), {});
      const { programs, alike } = isObject(found) ? found : {};
      return { programs: texts(programs), alike: texts(alike) };
    },

    close: () => egress.close(),
  };
}

const inUrl = (name: string): string => name.replace("/", "%2f");

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];

async function json(reply: Reply): Promise<unknown> {
  try {
    return JSON.parse((await reply.bytes()).toString()) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new CitadelError("E_REMOTE_ANSWER", `${reply.url.host} does not answer JSON`);
    throw error;
  }
}

/** A refusal in the words of the registry where it is a Citadel, else by its status. */
async function errorOf(reply: Reply, name: string): Promise<CitadelError> {
  const { status, url } = reply;
  const said = await json(reply).catch(() => undefined);
  const { code, error, hint } = isObject(said) ? said : {};
  if (typeof code === "string" && Object.hasOwn(errors, code) && typeof error === "string")
    return new CitadelError(code as ErrorCode, error.slice(0, 1000), { hint: texts(hint) });
  if (status === 404) return new CitadelError("E_PACKAGE_NOT_FOUND", `${url.host} has no ${name}`);
  if (status === 401 || status === 403)
    return new CitadelError("E_REMOTE_REFUSED", `${url.host} does not give ${name} (${status})`);
  return new CitadelError("E_REMOTE_ANSWER", `${url.host} answers ${status} for ${name}`);
}
