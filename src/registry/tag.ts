import { CitadelError } from "../errors.ts";
import { changePackage, type Context } from "./context.ts";
import { checkTag } from "./names.ts";
import { versionNotFound } from "./resolve.ts";
import type { Registry } from "./types.ts";

/** See {@link Registry.tag} and {@link Registry.untag}. */
export function tagger(context: Context): Pick<Registry, "tag" | "untag"> {
  return {
    async tag(name, tag, version, caller) {
      checkTag(tag);
      return changePackage(context, name, caller, (state) => {
        if (!state.versions.has(version)) throw versionNotFound(state, version);
        return state.tags.get(tag) === version ? [] : [{ type: "tag", tag, version }];
      });
    },

    async untag(name, tag, caller) {
      if (tag === "latest")
        throw new CitadelError("E_FORBIDDEN", `the tag latest of ${name} cannot be removed`, {
          hint: [`point it elsewhere: npm dist-tag add ${name}@<version> latest`],
        });
      return changePackage(context, name, caller, (state) => {
        if (!state.tags.has(tag))
          throw new CitadelError("E_TAG_NOT_FOUND", `${name} has no tag ${JSON.stringify(tag)}`);
        return [{ type: "untag", tag }];
      });
    },
  };
}
