import { CitadelError } from "@citadel/core";
import { npmKeys } from "@citadel/core/keys";
import type { Handler } from "./room.ts";

/** `GET /-/npm/v1/keys`: what clients check `dist.signatures` with: our keys, expired ones too, and those of upstreams. */
export const getKeys: Handler = async (c) => {
  const { keys: ring, upstream } = c.env.shared.citadel;
  const [keys, others = []] = await Promise.all([ring.list("registry"), upstream?.keys()]);
  // clients take this for "no signing"; an empty list would make them look for signatures
  if (keys.length + others.length === 0)
    throw new CitadelError("E_NOT_FOUND", "this registry has no signing keys");
  const own = npmKeys(keys);
  const known = new Set<unknown>(own.map((key) => key["keyid"]));
  return c.json({ keys: [...own, ...others.filter(({ keyid }) => !known.has(keyid))] });
};
