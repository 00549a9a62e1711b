import { stat } from "node:fs/promises";
import { join } from "node:path";
import { kinds } from "@citadel/core/kinds";
import type { Citadel } from "@citadel/core";
import { purposes } from "@citadel/core/keys";
import { journal } from "@citadel/core/journal";
import { failure, good, note, problem, warning, type Finding, type Patient } from "./finding.ts";

/** documents of a kind, and objects of a document, that a short look checks */
const newest = 20;
/** ms that the newest entry may be in the future */
const ahead = 60_000;
/** damaged things that are named one by one */
const named = 10;

/** What only an open registry tells: its keys, its other registries, the time of its history, and whether it is sound. */
export async function* checkRegistry(
  { env, dirs }: Patient,
  citadel: Citadel,
  deep: boolean,
): AsyncGenerator<Finding, void, void> {
  yield* checkKey(env["CITADEL_SERVER_KEY"] !== undefined, join(dirs.data, "server.key"), citadel);
  for (const { name, url, ok, latencyMs, error } of (await citadel.upstream?.probe()) ?? [])
    if (ok) yield good("upstream", `${name} (${url}) answers in ${latencyMs?.toFixed(0)} ms`);
    else yield problem("upstream", `${name} (${url}): ${error}`, "what is not cached cannot be installed", ["look whether it can be reached from here, and its token: docs/upstream.md"], 7); // prettier-ignore
  yield* checkKit(citadel);
  yield* checkTime(citadel);
  yield* checkSound(citadel, deep);
}

async function* checkKey(
  given: boolean,
  file: string,
  { keys, backends }: Citadel,
): AsyncGenerator<Finding, void, void> {
  const source = given ? "CITADEL_SERVER_KEY" : file;
  const rings = await Promise.all(purposes.map((purpose) => keys.list(purpose)));
  const made = rings.some((ring) => ring.length > 0);
  if (!made)
    return yield note("server key", "not needed yet", `the first signature uses ${source}`);
  try {
    await keys.check();
  } catch (error) {
    return yield failure("server key", error);
  }
  const shared = backends[0]?.driver.caps.shared === "network";
  const here = await stat(file).then(() => true, () => false); // prettier-ignore
  if (shared && !given)
    yield warning("server key", `it is only in ${file}, and the store is shared`, "other servers of this store cannot sign, and if this machine is lost nobody can", ["give all servers the same CITADEL_SERVER_KEY, or copy the file to them", "keep a copy apart from the store"]); // prettier-ignore
  else if (given && here) yield note("server key", `from CITADEL_SERVER_KEY; ${file} is not used`);
  else yield good("server key", `opens the keys of the store; from ${source}`);
}

/** A vault that only the identities open that are in use is lost with them. */
async function* checkKit(citadel: Citadel): AsyncGenerator<Finding, void, void> {
  const { hasVault } = await import("@citadel/core/secrets");
  if (!(await hasVault(citadel))) return;
  const { hasKit } = await import("@citadel/core/has-kit");
  try {
    if (await hasKit(citadel)) yield good("recovery", "there is a recovery kit for the vault"); // prettier-ignore
    else yield warning("recovery", "the vault has no recovery kit", "when the identities of its administrators are lost, nobody opens it again", ["citadel secrets:member:recovery <file>, on a disk that you take away", "keep the file, or the line from paper, where no machine is"]); // prettier-ignore
  } catch (error) {
    yield failure("recovery", error);
  }
}

async function* checkTime({ store }: Citadel): AsyncGenerator<Finding, void, void> {
  for await (const { at, kind, name } of journal(store, { kinds: kinds(), damaged() {} })) {
    const minutes = Math.round((at - Date.now()) / 60_000);
    if (at - Date.now() > ahead)
      yield warning("clocks", `the newest entry, of ${kind} ${name}, is ${minutes} minutes in the future`, "the clock of this machine is behind, or the writer's was ahead; all later entries of it get that time", ["set the clock: timedatectl set-ntp true"]); // prettier-ignore
    else yield good("clocks", "nothing in the history is from the future");
    return;
  }
}

async function* checkSound(citadel: Citadel, deep: boolean): AsyncGenerator<Finding, void, void> {
  const { items, checked } = await citadel.verify(deep ? {} : { newest });
  for (const { key, message } of items.slice(0, named))
    yield problem("integrity", `${key}: ${message}`, "it is not what was written, and is not served", ["bring it back from a copy of the store", "see all damage: citadel verify"], 6); // prettier-ignore
  if (items.length > named)
    yield problem("integrity", `${items.length - named} more are damaged`, "as above", ["see all damage: citadel verify"], 6); // prettier-ignore
  const counts = Object.entries(checked).flatMap(([what, n]) => (n > 0 ? [`${n} ${what}`] : []));
  if (items.length === 0)
    yield good("integrity", counts.length === 0 ? "the store is empty" : `${counts.join(", ")}: sound${deep ? "" : "; --deep checks everything"}`); // prettier-ignore
}
