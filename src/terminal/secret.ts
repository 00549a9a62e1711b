import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { CitadelError } from "../errors.ts";

/**
 * A secret from a file, whose last line end does not count.
 * @param path `-` is standard input
 * @param what for people: "password"
 * @throws E_USAGE
 */
export async function readSecretFile(path: string, what: string): Promise<string> {
  const read = path === "-" ? text(process.stdin) : readFile(path, "utf8");
  const secret = (
    await read.catch((error: unknown) => {
      throw new CitadelError("E_USAGE", `${path} cannot be read`, { cause: error });
    })
  ).replace(/\r?\n$/, "");
  if (secret === "")
    throw new CitadelError(
      "E_USAGE",
      `${path === "-" ? "standard input" : path} holds no ${what}`,
      {
        hint: [`put the ${what} into it, and nothing else`],
      },
    );
  return secret;
}
