import { CitadelError } from "@citadel/core/errors";
import { isObject, tarballFile } from "@citadel/core/registry";
import type { Source } from "../source.ts";
import type { Remote } from "./client.ts";

/** Packages of another registry. */
export function remoteSource(remote: Remote, names: readonly string[]): Source {
  return {
    near: false,
    names,
    async read(name) {
      const document = await remote.json(name.replace("/", "%2f"));
      if (!isObject(document))
        throw new CitadelError("E_PACKAGE_NOT_FOUND", `${remote.base} has no package ${name}`, {
          hint: ["check its name, and whether the token may read it"],
        });
      if (document["name"] !== name)
        throw new CitadelError("E_INVALID_DOCUMENT", "the answer is about another package");
      const { versions } = document;
      return {
        document,
        versions: isObject(versions) ? Object.keys(versions) : [],
        cached: 0,
        tarball(version, { dist }) {
          const address = isObject(dist) ? dist["tarball"] : undefined;
          return remote.tarball(address, `${name}/-/${tarballFile(name, version)}`);
        },
      };
    },
  };
}
