import type { RecordRef, VaultState } from "./types.ts";

/** All records that are sealed under the key of a compartment and have to survive a new one: none that was destroyed. */
export function recordsOf(
  {
    meta,
    scopes,
    members,
    secrets,
    policy,
  }: Pick<VaultState, "meta" | "scopes" | "members" | "secrets" | "policy">,
  compartment: string,
): RecordRef[] {
  if (compartment === meta.id)
    return [{ record: policy }, ...scopes.values(), ...members.values()].flatMap(
      ({ record }) => record ?? [],
    );
  return [...secrets.values()]
    .filter(({ scope }) => scope === compartment)
    .flatMap((secret) => [
      secret.meta,
      ...secret.versions.flatMap(({ state, record }) => (state === "destroyed" ? [] : record)),
    ]);
}
