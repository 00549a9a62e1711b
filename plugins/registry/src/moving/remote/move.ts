import type { Citadel, Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import { checkName } from "@citadel/core/registry";
import { readToken } from "../../token.ts";
import { moveIn, type MoveOptions } from "../move.ts";
import type { Moved } from "../source.ts";
import { openRemote } from "./client.ts";
import { namesOf, type Wanted } from "./names.ts";
import { remoteSource } from "./source.ts";

export interface FromRegistry extends Wanted {
  readonly url: string;
  readonly token?: string | undefined;
  /** file with the token, which wins; `-` is standard input */
  readonly tokenFile?: string;
  readonly hosts?: readonly string[];
  /** ms */
  readonly timeout: number;
}

export interface MovedFromRegistry extends Moved {
  /** address, with a slash at its end */
  readonly from: string;
}

/**
 * Copies packages from another registry.
 * @throws E_USAGE, E_REMOTE_UNAVAILABLE and what else {@link moveIn} throws
 */
export async function moveFromRegistry(
  citadel: Citadel,
  caller: Caller,
  { url, token, tokenFile, hosts, timeout, ...wanted }: FromRegistry,
  options: MoveOptions = {},
  scratch: Scratch = new Set(),
): Promise<MovedFromRegistry> {
  for (const name of wanted.packages) checkName(name);
  for (const host of hosts ?? [])
    if (!URL.canParse(host))
      throw new CitadelError("E_USAGE", `${host.slice(0, 200)} is not an origin`, {
        hint: ["give it with its scheme: https://cdn.example.org"],
      });
  const secret = tokenFile === undefined ? token : await readToken(tokenFile);
  const remote = openRemote({
    ...{ url, timeout, largest: citadel.settings.limits.tarball },
    ...(secret !== undefined && { token: secret }),
    ...(hosts && { hosts }),
    ...(options.signal && { signal: options.signal }),
  });
  if (!wanted.all && wanted.packages.length + wanted.scopes.length === 0)
    throw new CitadelError("E_USAGE", "nothing says which packages to take", {
      hint: ["name them: --package <name>", "or all that it lists: --scope <scope>, or --all"],
    });
  try {
    const names = await namesOf(remote, wanted);
    const moved = await moveIn(citadel, caller, remoteSource(remote, names), options, scratch);
    return { ...moved, from: remote.base };
  } finally {
    await remote.close();
  }
}
