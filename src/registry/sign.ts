import { setImmediate as nextTurn } from "node:timers/promises";
import type { Keys, Signature } from "../keys/keys.ts";
import { changePackage, packageNotFound, type Context } from "./context.ts";
import { checkName } from "./names.ts";
import type { PackageImport, PackageState, Registry, VersionRecord } from "./types.ts";

/** Versions signed between two turns of the event loop: each takes a tenth of a millisecond. */
const atOnce = 100;

/** See {@link Registry.sign}. */
export function signer(context: Context): Registry["sign"] {
  return async function sign(name, caller) {
    const seen = await context.packages.read(checkName(name));
    if (!seen) throw packageNotFound(name);
    const signatures = new Map<string, Signature>();
    for (const [version, { integrity }] of unsigned(seen.state)) {
      signatures.set(version, await context.keys.signVersion(name, version, integrity));
      if (signatures.size % atOnce === 0) await nextTurn();
    }
    if (signatures.size === 0) return 0;
    let count = 0;
    await changePackage(context, name, caller, (state) => {
      // what was signed must still be there, and unsigned
      const fresh = unsigned(state).flatMap(([version, record]) => {
        const signature = signatures.get(version);
        const same = record.integrity === seen.state.versions.get(version)?.integrity;
        return signature && same ? [[version, signature] as const] : [];
      });
      count = fresh.length;
      return count === 0 ? [] : [{ type: "sign", signatures: fresh }];
    });
    return count;
  };
}

/** Versions that come from elsewhere, signed by this registry; what they were signed with there is of no use here. */
export async function signAll(
  keys: Pick<Keys, "signVersion">,
  name: string,
  versions: PackageImport["versions"],
): Promise<PackageImport["versions"]> {
  const signed: [string, VersionRecord][] = [];
  for (const [version, record] of versions) {
    const signature = await keys.signVersion(name, version, record.integrity);
    signed.push([version, { ...record, signature }]);
    if (signed.length % atOnce === 0) await nextTurn();
  }
  return signed;
}

function unsigned({ versions }: PackageState): [string, VersionRecord][] {
  return [...versions].filter(([, record]) => record.signature === undefined);
}
