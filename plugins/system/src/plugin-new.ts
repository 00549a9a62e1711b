import { CitadelError } from "@citadel/core";
import { newPackage, type NewPackage, type NewPackageOptions } from "./new-package.ts";

export interface NewPlugin extends NewPackage {
  /** first word of its commands */
  readonly topic: string;
  readonly package: string;
}

/**
 * Writes the package of a plugin that builds, tests and loads as it is, whole or not at all.
 * @param taken first words of commands that there are
 * @throws E_USAGE for a name that cannot be a topic, E_CONFLICT when the topic or the folder is taken
 */
export async function newPlugin(
  topic: string,
  { taken, ...options }: Omit<NewPackageOptions, "name" | "placeholder"> & { readonly taken: ReadonlySet<string> }, // prettier-ignore
): Promise<NewPlugin> {
  if (!/^[a-z][a-z0-9]{1,40}$/.test(topic))
    throw new CitadelError("E_USAGE", `not a topic of commands: ${topic}`, {
      hint: ["use small letters and digits, such as census"],
    });
  if (taken.has(topic))
    throw new CitadelError("E_CONFLICT", `there are commands below ${topic}: already`, {
      hint: ["choose another name", "see all of them: citadel commands"],
    });
  const made = await newPackage({ ...options, placeholder: "census", name: topic });
  return { topic, package: `citadel-plugin-${topic}`, ...made };
}
