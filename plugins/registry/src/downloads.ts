import { CitadelError, type Citadel } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { isObject, type Json } from "@citadel/core/registry";
import { withRemote, type There } from "./find.ts";

/** One download of a package. */
export interface Download {
  /** ISO 8601 */
  readonly at: string;
  readonly version: string;
  /** hash of the address of the client: the same for the same client */
  readonly client: string;
  /** what the client calls itself */
  readonly agent: string;
}

export interface Wanted {
  readonly name: string;
  readonly version: string | undefined;
  /** ms since 1970 */
  readonly since: number;
  readonly limit: number;
  readonly offset: number;
}

/** Newest first; `dropped` were downloads of any package that were only counted. */
export interface Downloads {
  readonly items: readonly Download[];
  readonly dropped: number;
}

/** @throws E_PACKAGE_NOT_FOUND, E_NOT_FOUND where none are recorded, E_SERVER_KEY */
export async function downloadsHere(
  citadel: Citadel,
  { name, ...wanted }: Wanted,
): Promise<Downloads> {
  await citadel.registry.document(name, commandLine);
  if (!citadel.settings.downloads.records)
    throw new CitadelError("E_NOT_FOUND", "single downloads are not recorded here", {
      hint: ["downloads.records is off"],
    });
  const { items, dropped } = await (await citadel.records()).read(name, wanted);
  const shown = items.map(({ at, ...rest }) => ({ at: new Date(at).toISOString(), ...rest }));
  return { items: shown, dropped };
}

/** The same of another registry, for an owner's token. @throws E_REMOTE_*, E_PACKAGE_NOT_FOUND */
export function downloadsThere(
  there: There,
  { name, version, since, limit, offset }: Wanted,
): Promise<Downloads> {
  const query = new URLSearchParams({
    ...(version !== undefined && { version }),
    since: new Date(since).toISOString(),
    ...{ limit: String(limit), offset: String(offset) },
  });
  return withRemote(there, async (remote) => {
    const path = `api/v1/packages/${encodeURIComponent(name)}/downloads?${query.toString()}`;
    const answer = (await remote.json(path)) as Json | undefined;
    if (!isObject(answer) || !Array.isArray(answer["items"]))
      throw new CitadelError("E_PACKAGE_NOT_FOUND", `${remote.base} tells no downloads of ${name}`);
    const items = answer["items"].flatMap((one) =>
      isObject(one)
        ? {
            ...{ at: text(one["at"]), version: text(one["version"]) },
            ...{ client: text(one["client"]), agent: text(one["agent"]) },
          }
        : [],
    );
    return { items, dropped: Number(answer["dropped"]) };
  });
}

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
