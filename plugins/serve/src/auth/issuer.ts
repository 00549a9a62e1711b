import type { Citadel } from "@citadel/core";
import type { JwtAlgorithm } from "@citadel/core/keys";
import type { Site } from "../http/guard.ts";

/** How JWTs are made now, and whose are taken. */
export interface Issuing {
  readonly issuer: string;
  /** of JWTs that were made before a switch was turned: the keys prove who made them */
  readonly issuers: readonly string[];
  readonly algorithm: JwtAlgorithm;
}

/**
 * As the live configuration says (B4): with PRIVATE_REGISTRY and the hash of this registry's address its own issuer, with
 * another hash the configured private one, else the configured public one. One that is not configured is its own.
 */
export async function issuing({ live, settings, dirs }: Citadel, { base }: Site): Promise<Issuing> {
  const { hashOf, livePlace } = await import("@citadel/core/live");
  const switches = await live();
  const { registryHash } = switches.getConfig();
  const { privateIssuer, publicIssuer } = settings.auth;
  const own = `${base}_auth`;
  const here = hashOf(livePlace(settings, dirs).defaults.url).toString("hex");
  const elsewhere = registryHash === here ? own : (privateIssuer ?? own);
  const issuer = switches.isOn("PRIVATE_REGISTRY") ? elsewhere : (publicIssuer ?? own);
  const issuers = [own, privateIssuer, publicIssuer].filter((each) => each !== undefined);
  return { issuer, issuers, algorithm: switches.isOn("PREMIUM_TYPES") ? "EdDSA" : "RS256" };
}
