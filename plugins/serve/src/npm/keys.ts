import { CitadelError } from "@citadel/core";
import type { Handler } from "./room.ts";

/** `GET /-/npm/v1/keys`: what clients check `dist.signatures` with, expired keys too. */
export const getKeys: Handler = async (c) => {
  const keys = await c.env.shared.citadel.keys.list("registry");
  // clients take this for "no signing"; an empty list would make them look for signatures
  if (keys.length === 0) throw new CitadelError("E_NOT_FOUND", "this registry has no signing keys");
  return c.json({
    keys: keys.map(({ keyid, public: key, expires }) => ({
      expires: expires === null ? null : new Date(expires).toISOString(),
      keyid,
      keytype: "ecdsa-sha2-nistp256",
      scheme: "ecdsa-sha2-nistp256",
      key,
    })),
  });
};
