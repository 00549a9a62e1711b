import { open } from "node:fs/promises";
import { CitadelError } from "@citadel/core";
import type { WantedClaim, WantedClaims } from "@citadel/core/trust";

const longest = 64 * 1024;

/**
 * `name=value` of flags as claims. `workflow_ref.file=release.yml` wants a workflow file, `name[]=value` an item of a list.
 * @throws E_USAGE
 */
export function parseClaims(texts: readonly string[]): WantedClaims {
  const claims = new Map<string, WantedClaim>();
  for (const text of texts) {
    const [, name = "", form, value = ""] = /^([^=]+?)(\.file|\[\])?=(.+)$/s.exec(text) ?? [];
    const before = claims.get(name);
    if (name === "" || (before !== undefined && !(form === "[]" && Array.isArray(before))))
      throw new CitadelError("E_USAGE", `--claim ${JSON.stringify(text.slice(0, 80))}`, {
        hint: [
          "write each claim once: --claim repository=acme/ui --claim workflow_ref.file=ci.yml",
        ],
      });
    if (form === "[]") claims.set(name, [...((before as readonly string[]) ?? []), value]);
    else claims.set(name, form === ".file" ? { file: value } : value);
  }
  return Object.fromEntries(claims);
}

/** A claim for people, in the form of {@link parseClaims}. */
export const claimTexts = (claims: WantedClaims): string[] =>
  Object.entries(claims).flatMap(([name, value]) => {
    if (typeof value === "string") return [`${name}=${value}`];
    if ("file" in value) return [`${name}.file=${value.file}`];
    return value.map((item) => `${name}[]=${item}`);
  });

/** The ID token in a file or, for `-`, on standard input. @throws E_USAGE */
export async function readToken(path: string): Promise<string> {
  const file = path === "-" ? undefined : await openFile(path);
  const source: AsyncIterable<Buffer | string> = file ? file.createReadStream() : process.stdin;
  let text = "";
  for await (const chunk of source) if ((text += String(chunk)).length > longest) break;
  const token = text.trim();
  if (token === "" || token.length > longest)
    throw new CitadelError("E_USAGE", "there is no ID token to look at", {
      hint: ["pass it by a pipe, or name a file: --token-file token.jwt"],
    });
  return token;
}

async function openFile(path: string) {
  try {
    return await open(path);
  } catch (error) {
    throw new CitadelError("E_USAGE", `--token-file: ${JSON.stringify(path)} cannot be read`, {
      cause: error,
    });
  }
}
