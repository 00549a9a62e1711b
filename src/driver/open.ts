import { pathToFileURL } from "node:url";
import { CitadelError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { Driver, DriverFactory } from "./driver.ts";

/** URL scheme without colon → the absolute path of a driver's module, imported when it is needed, or its factory. */
export type Schemes = ReadonlyMap<string, string | DriverFactory>;

/**
 * The opened driver of a store's URL. Throws E_CONFIG when the URL or its driver is not usable, naming the scheme but
 * never the rest of the URL, which may hold a password; and what the driver's open() throws.
 */
export async function openDriver(url: string | URL, schemes: Schemes): Promise<Driver> {
  const address = typeof url === "string" ? URL.parse(url) : url;
  if (!address)
    throw new CitadelError("E_CONFIG", "the address of a store is not a URL", {
      hint: [
        `write scheme:rest with one of ${list(schemes)}, such as sqlite:/var/lib/citadel/registry.db`,
      ],
    });
  const scheme = address.protocol.slice(0, -1);
  const found = schemes.get(scheme);
  if (!found) throw unknownScheme(scheme, schemes);
  const driver = (typeof found === "string" ? await load(found, scheme) : found)(address);
  if (driver?.api !== 1)
    throw new CitadelError(
      "E_CONFIG",
      `the driver for ${scheme}: speaks version ${String(driver?.api)} of the interface, this is version 1`,
      { hint: [`install a driver for ${scheme}: that fits this version of citadel`] },
    );
  await driver.open();
  return driver;
}

async function load(file: string, scheme: string): Promise<DriverFactory> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module;
  } catch (cause) {
    throw new CitadelError("E_CONFIG", `the driver for ${scheme}: cannot be loaded from ${file}`, {
      hint: [cause instanceof Error ? cause.message : String(cause), "install its package again"],
      cause,
    });
  }
  if (typeof module.default !== "function")
    throw new CitadelError("E_CONFIG", `${file} has no driver as its default export`, {
      hint: ["see how a driver is written: docs/drivers.md"],
    });
  return module.default as DriverFactory;
}

function unknownScheme(scheme: string, schemes: Schemes): CitadelError {
  const near = nearest(scheme, schemes.keys()).map((one) => `did you mean ${one}: ?`);
  return new CitadelError("E_CONFIG", `no driver for ${scheme}: is installed`, {
    hint: [...near, `there are drivers for ${list(schemes)}`],
  });
}

const list = (schemes: Schemes): string =>
  [...schemes.keys()]
    .toSorted()
    .map((scheme) => `${scheme}:`)
    .join(" ");
