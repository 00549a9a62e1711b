import { setImmediate as nextTurn } from "node:timers/promises";
import { errorCode } from "../errors.ts";
import { signatureProblem, type Keys } from "../keys/keys.ts";
import { documentKey } from "../store/keys.ts";
import type { Problem } from "../store/types.ts";
import { namesOf } from "../store/walk.ts";
import type { Registry } from "./types.ts";

/** Checks the signature of every version that has one. What cannot be read is for the store's own `verify` to report. */
export async function* verifySignatures({
  registry: { packages },
  keys,
  counted,
}: {
  readonly registry: Pick<Registry, "packages">;
  readonly keys: Pick<Keys, "list">;
  readonly counted: (what: "signatures") => void;
}): AsyncGenerator<Problem, void, void> {
  const known = await unlessDamaged(keys.list("registry"));
  if (!known) return;
  for await (const name of namesOf(packages)) {
    const document = await unlessDamaged(packages.read(name));
    for (const [version, record] of document?.state.versions ?? []) {
      if (!record.signature) continue;
      counted("signatures");
      const problem = signatureProblem(known, record.signature, { ...record, name, version });
      if (problem !== undefined)
        yield {
          key: documentKey("package", name),
          problem: "signature",
          message: `${name}@${version}: ${problem}.`,
        };
    }
    // a package may have thousands
    await nextTurn();
  }
}

async function unlessDamaged<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (errorCode(error) === "E_INTEGRITY") return undefined;
    throw error;
  }
}
