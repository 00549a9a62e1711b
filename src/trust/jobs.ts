import type { JobRequest } from "../access/state.ts";
import type { TrustedPublisher } from "../access/types.ts";
import type { Store } from "../store/types.ts";
import { trustKind } from "./kind.ts";
import type { TrustConfig } from "./types.ts";

/** ms that an exchanged token is good for */
const lifetime = 15 * 60_000;

/** Whether what let a job in still does; asked whenever its token is shown. */
export function createJobs(store: Store) {
  const ledger = store.ledger(trustKind());
  return async (name: string, { oidcConfigId }: TrustedPublisher): Promise<boolean> => {
    const configs = (await ledger.read(name))?.state.configs ?? [];
    return configs.some(({ id }) => oidcId(id) === oidcConfigId);
  };
}

/** What a run gets that a configuration lets in: one package for some minutes, and nothing of accounts and organisations. */
export const jobOf = (name: string, config: TrustConfig, principal: string): JobRequest => ({
  principal,
  name: `trusted publisher of ${name}`,
  trusted: { id: config.issuer, oidcConfigId: oidcId(config.id) },
  grant: {
    packages: mayPublish(config) ? "write" : "stage",
    names: [name],
    orgs: "none",
    manage: false,
  },
  expires: Date.now() + lifetime,
});

/** Whether it may publish, or only stage. */
export const mayPublish = ({ permissions }: TrustConfig): boolean =>
  permissions.includes("createPackage");

const oidcId = (id: string): string => `oidc:${id}`;
