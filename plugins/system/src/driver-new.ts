import { CitadelError } from "@citadel/core";
import { newPackage, type NewPackage, type NewPackageOptions } from "./new-package.ts";

export interface NewDriver extends NewPackage {
  readonly scheme: string;
  readonly package: string;
}

/**
 * Writes the package of a storage driver that works as it is, whole or not at all.
 * @param taken schemes that there are drivers for
 * @throws E_USAGE for a name that cannot be a scheme, E_CONFLICT when the scheme or the folder is taken
 */
export async function newDriver(
  scheme: string,
  { taken, ...options }: Omit<NewPackageOptions, "name" | "placeholder"> & { readonly taken: ReadonlySet<string> }, // prettier-ignore
): Promise<NewDriver> {
  if (!/^[a-z][a-z0-9-]{1,40}$/.test(scheme))
    throw new CitadelError("E_USAGE", `not a scheme of URLs: ${scheme}`, {
      hint: ["use small letters, digits and -, such as notebook"],
    });
  if (taken.has(scheme))
    throw new CitadelError("E_CONFLICT", `there is a driver for ${scheme}: already`, {
      hint: ["choose another name", "see all of them: citadel driver:list"],
    });
  const made = await newPackage({ ...options, placeholder: "logbook", name: scheme });
  return { scheme, package: `citadel-driver-${scheme}`, ...made };
}
