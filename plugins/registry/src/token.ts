import { CitadelError } from "@citadel/core/errors";
import { readSecretFile } from "@citadel/core/terminal";

/** The token in a file; `-` is standard input. @throws E_USAGE */
export async function readToken(path: string): Promise<string> {
  const token = (await readSecretFile(path, "token")).trim();
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new CitadelError("E_USAGE", `${path} holds no token`, {
    hint: ["put the token into the file, and nothing else"],
  });
}
