import { CitadelError } from "@citadel/core";
import { readJson } from "../http/body.ts";
import { isObject } from "./upload.ts";
import type { Handler } from "./room.ts";

const largest = 8 * 2 ** 20;

/** `POST /-/npm/v1/security/advisories/bulk`: this registry knows of no advisories. */
export const bulkAdvisories: Handler = async (c) => {
  if (!isObject(await readJson(c.req.raw, largest)))
    throw new CitadelError(
      "E_INVALID_DOCUMENT",
      "an object of package names and versions was expected",
    );
  return c.json({});
};

/** `POST /-/npm/v1/security/audits[/quick]`: retired everywhere; clients of today ask for bulk advisories. */
export const retiredAudit: Handler = async (c) =>
  c.json({ error: "this form of audit is retired; update npm and run npm audit again" }, 410);
