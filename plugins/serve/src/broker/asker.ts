import { CitadelError } from "@citadel/core";
import type { Asker } from "@citadel/core/vault";
import { signedIn } from "../context.ts";
import { credentialsOf, jwtIn } from "../http/credentials.ts";
import type { Visit } from "../npm/room.ts";

/** What `aud` is for the broker at `base`: a token that was made to publish here is none for secrets. */
export function audiencesOf(base: string): readonly string[] {
  const { hostname, host } = new URL(base);
  return [...new Set([`secrets:${hostname}`, `secrets:${host}`])];
}

/**
 * Who asks for a secret, and what the rules of the vault call them.
 * @throws E_AUTH_REQUIRED, E_AUTH_INVALID and the other errors of tokens, E_TRUST_REFUSED, E_FORBIDDEN for a token that is not for secrets
 */
export async function askerOf({ asked, shared, site }: Visit): Promise<Asker> {
  const address = addressOf({ asked, shared });
  const from = address === undefined ? {} : { address };
  const idToken = jwtIn(asked);
  const trust = idToken === undefined ? undefined : await shared.citadel.trust();
  const job = idToken && (await trust?.identify(idToken, audiencesOf(site.base)));
  if (job) {
    const { issuer, name, claims, run } = job;
    return { who: name, roles: [`oidc:${issuer}`], oidc: claims, run, ...from };
  }
  // a password would go without the second factor here
  if (credentialsOf(asked)?.kind === "basic")
    throw new CitadelError("E_AUTH_REQUIRED", "secrets are asked for with a token");
  const { kind, name, grant, teams } = (await signedIn(shared, asked)).principal;
  if (kind !== "user" || (grant && !grant.secrets && !grant.manage))
    throw new CitadelError("E_FORBIDDEN", "this token is not for secrets", {
      hint: ["make one that is: citadel registry:token:create --user <name> --secrets"],
    });
  const roles = [`user:${name}`, ...Array.from(teams ?? [], (team) => `team:${team}`)];
  return { who: `user:${name}`, roles, ...from };
}

/** Where a request comes from; undefined when it was passed on by somebody whom nobody named as a proxy. */
function addressOf({ asked, shared: { guard } }: Pick<Visit, "asked" | "shared">) {
  const client = guard.client(asked);
  return guard.forwarded(asked) && client === asked.peer ? undefined : client;
}
