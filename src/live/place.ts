import { join } from "node:path";
import type { Dirs, Settings } from "../config/index.ts";
import type { Defaults } from "./header.ts";

/** Where the file is, and what counts while there is none. */
export interface LivePlace {
  readonly path: string;
  readonly defaults: Defaults;
}

export function livePlace(
  { server, upstream, live }: Pick<Settings, "server" | "upstream" | "live">,
  dirs: Pick<Dirs, "data">,
): LivePlace {
  const url = server.publicUrl ?? `http://localhost:${server.port}/`;
  const proxy = upstream.registries.length > 0;
  return { path: live.file ?? join(dirs.data, "citadel.lockb"), defaults: { url, proxy } };
}
