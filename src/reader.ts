import { pathToFileURL } from "node:url";
import { join } from "node:path";
import type { Config } from "@oclif/core/interfaces";
import type { Citadel } from "./citadel.ts";
import { CitadelError } from "./errors.ts";

/** A registry that one process reads over HTTP. */
export interface Reader {
  /** with a trailing slash */
  readonly url: string;
  /** what the addresses in its packuments begin with: the same at every start */
  readonly base: string;
  /** a bearer token that every request has to show */
  readonly token: string;
  close(): Promise<void>;
}

type Start = (citadel: Citadel) => Promise<Reader>;

/**
 * Serves a store to this process, for libraries that read packages over HTTP only. The plugin with the server announces it in its
 * package.json as `"citadel": { "reader": <module whose default export starts one> }`.
 * @throws E_CONFIG without such a plugin
 */
export async function startReader(
  config: Pick<Config, "getPluginsList">,
  citadel: Citadel,
): Promise<Reader> {
  for (const plugin of config.getPluginsList()) {
    const field = (plugin.pjson as unknown as Record<string, unknown>)["citadel"];
    const { reader } = (field ?? {}) as { readonly reader?: string };
    if (reader === undefined) continue;
    const module = (await import(pathToFileURL(join(plugin.root, reader)).href)) as {
      readonly default: Start;
    };
    return module.default(citadel);
  }
  throw new CitadelError("E_CONFIG", "no plugin serves a registry", {
    hint: ["name the address of one: --registry <url>"],
  });
}
