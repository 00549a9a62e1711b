import { existsSync } from "node:fs";
import { run } from "../support/run.ts";

/**
 * The path of a server's program from a Debian package: the first of `places` that exists. When none does, it is
 * installed where that is possible: by root on Debian, unless CITADEL_TEST_INSTALL is 0. Otherwise undefined, and a
 * line on stderr says what is skipped and why; with CITADEL_NO_SKIP, as in CI, that is an error.
 */
export async function installed(
  debian: string,
  places: readonly string[],
): Promise<string | undefined> {
  const find = () => places.find((place) => existsSync(place));
  const there = find();
  if (there) return there;
  const why =
    process.env["CITADEL_TEST_INSTALL"] === "0"
      ? "CITADEL_TEST_INSTALL is 0"
      : process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")
        ? `only root on Debian can install it; apt-get install ${debian}`
        : await install(debian);
  const found = find();
  if (!found && process.env["CITADEL_NO_SKIP"]) throw new Error(`no ${debian} here: ${why}`);
  if (!found) process.stderr.write(`skipped: no ${debian} here: ${why}\n`);
  return found;
}

/** Why it did not work; tests of several processes may want the same at once, so it waits its turn. */
async function install(debian: string): Promise<string> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=240"];
  const get = (...args: string[]) => run("apt-get", args, { env, timeout: 300_000 });
  const first = await get(...options, "install", debian);
  if (first.code === 0) return "";
  await get("-q", "update");
  const { code, output } = await get(...options, "install", debian);
  return code === 0 ? "" : output.trim().slice(-300);
}
