import { CitadelError } from "@citadel/core/errors";
import type { Spooled } from "@citadel/core/registry";

/** What comes out of an export, in this order: `format`, then each package after its versions, then `end`. Nothing is trusted. */
export type Part =
  /** the version of the format; a JSON document that somebody sorted tells it only at its end */
  | { readonly kind: "format"; readonly version: unknown }
  | {
      readonly kind: "version";
      /** where in the export it is, for people */
      readonly where: string;
      readonly manifest: unknown;
      readonly readme: unknown;
      /** whoever takes it disposes it */
      readonly tarball: Spooled;
    }
  | { readonly kind: "package"; readonly where: string; readonly document: unknown }
  | { readonly kind: "end"; readonly head: unknown };

/** For what is not an export, or one no more. */
export const invalid = (message: string, cause?: unknown): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["take another copy of the export, or export again: citadel local:export"],
    ...(cause !== undefined && { cause }),
  });
