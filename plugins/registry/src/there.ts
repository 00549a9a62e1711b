import { environment } from "@citadel/core";
import { string } from "@oclif/core/flags";
import type { There } from "./find.ts";
import { readToken } from "./token.ts";

/** Flags of commands that also work against another registry. */
export const thereFlags = {
  registry: string({ helpValue: "<url>", description: "another registry" }),
  "token-file": string({
    helpValue: "<file>",
    description: "file with a token for it, - for standard input (CITADEL_TOKEN)",
    dependsOn: ["registry"],
  }),
};

/** The registry that the flags name; undefined: the store of this machine. @throws E_USAGE */
export async function thereOf(
  flags: { readonly registry?: string | undefined; readonly "token-file"?: string | undefined },
  signal: AbortSignal,
): Promise<There | undefined> {
  if (flags.registry === undefined) return undefined;
  const file = flags["token-file"];
  const token = file === undefined ? environment()["CITADEL_TOKEN"] : await readToken(file);
  return { url: flags.registry, token, signal };
}
