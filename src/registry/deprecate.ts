import { CitadelError } from "../errors.ts";
import { changePackage, type Context } from "./context.ts";
import { versionNotFound } from "./resolve.ts";
import type { Registry } from "./types.ts";

/** characters of a message */
export const longestMessage = 4096;

/** See {@link Registry.deprecate}. */
export function deprecator(context: Context): Registry["deprecate"] {
  return async function deprecate(name, messages, caller) {
    for (const message of messages.values())
      if (typeof message !== "string" || message.length > longestMessage)
        throw new CitadelError(
          "E_INVALID_DOCUMENT",
          `a deprecation is a text of at most ${longestMessage} characters`,
        );
    return changePackage(context, name, caller, (state) => {
      const changed = [...messages].filter(([version, message]) => {
        const record = state.versions.get(version);
        // clients send every version that they have seen, with an empty text for those that are fine
        if (!record && message !== "") throw versionNotFound(state, version);
        return record !== undefined && (record.deprecated ?? "") !== message;
      });
      const groups = Map.groupBy(changed, ([, message]) => message);
      return Array.from(groups, ([message, group]) => ({
        type: "deprecate",
        versions: group.map(([version]) => version),
        message,
      }));
    });
  };
}
