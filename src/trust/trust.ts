import { createHash, randomUUID } from "node:crypto";
import type { Accounts } from "../access/state.ts";
import type { Caller } from "../access/types.ts";
import { createEgress } from "../egress/index.ts";
import { CitadelError } from "../errors.ts";
import { logger } from "../log.ts";
import { actorOf } from "../registry/context.ts";
import { checkName } from "../registry/names.ts";
import type { Registry } from "../registry/types.ts";
import type { Store } from "../store/types.ts";
import { createIssuerKeys } from "./keys.ts";
import { jobOf, mayPublish } from "./jobs.ts";
import { noTrust, trustKind } from "./kind.ts";
import {
  issuerUrl,
  jobName,
  mismatches,
  pageOf,
  pinsOf,
  problemOf,
  refusesRun,
  runOf,
  type Payload,
} from "./providers.ts";
import type {
  Issuer,
  Trust,
  TrustChange,
  TrustConfig,
  TrustEvent,
  TrustInput,
  TrustPermission,
  TrustSettings,
  TrustState,
} from "./types.ts";
import { claimedIssuer, Refused, unverifiedTexts, verifyToken, type Verified } from "./verify.ts";

const mostConfigs = 10;
/** ID tokens of one package that may be exchanged in the time in which they could be shown again */
const mostSeen = 1000;
const permissionNames: ReadonlySet<string> = new Set(["createPackage", "createStagedPackage"]);

export interface TrustOptions {
  readonly store: Store;
  readonly registry: Pick<Registry, "permit">;
  readonly accounts: Pick<Accounts, "issueJob">;
  readonly settings: TrustSettings;
}

/** A token, seen from one configuration. */
interface Candidate {
  readonly config: TrustConfig;
  readonly issuer: Issuer;
  /** why it is not for this one; empty when everything is right */
  readonly reasons: readonly string[];
  /** what the token says, once its issuer vouches for it */
  readonly verified?: Verified;
}

/** See {@link Trust}. */
export function createTrust({ store, registry, accounts, settings }: TrustOptions): Trust {
  const ledger = store.ledger(trustKind());
  const log = logger("trust");
  const near = settings.issuers.filter((issuer) => issuer.private);
  const egress = createEgress({
    plain: false,
    redirects: 0,
    allow: near.map(({ issuer }) => new URL(issuer).origin),
  });
  const keys = createIssuerKeys(egress);

  const stateOf = async (name: string): Promise<TrustState> =>
    (await ledger.read(name))?.state ?? noTrust;

  async function change(
    name: string,
    caller: Caller,
    { dryRun = false }: TrustChange = {},
    decide: (state: TrustState) => readonly TrustEvent[],
  ): Promise<void> {
    if (dryRun) decide(await stateOf(name));
    else await ledger.change(name, actorOf(caller), (state = noTrust) => decide(state));
  }

  /** Asks everything but whether it was used before. @throws Refused, E_ISSUER_UNAVAILABLE */
  async function judge(
    state: TrustState,
    token: string,
    audiences: readonly string[],
  ): Promise<readonly Candidate[]> {
    const iss = await claimedIssuer(token);
    const pairs = state.configs.flatMap((config) => {
      const issuer = settings.issuers.find(({ name }) => name === config.issuer);
      const url = issuer && issuerUrl(issuer, config.claims);
      return issuer && url !== undefined && url === iss ? [{ config, issuer, url }] : [];
    });
    if (pairs.length === 0)
      throw new Refused(`no trusted publisher of the package has the issuer ${say(iss)}`);
    const { maxAge } = settings;
    return Promise.all(
      pairs.map(async ({ config, issuer, url }): Promise<Candidate> => {
        try {
          const options = { url, audiences, keys: keys.of(url), maxAge };
          const verified = await verifyToken(token, issuer, options);
          const { payload } = verified;
          const unfit = refusesRun(issuer, payload);
          const reasons = [
            ...(unfit === undefined ? [] : [unfit]),
            ...mismatches(issuer, config.claims, payload),
            ...pinProblems(config, pinsOf(issuer, payload)),
          ];
          return { config, issuer, reasons, verified };
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          return { config, issuer, reasons: [error.message] };
        }
      }),
    );
  }

  return {
    async list(name, caller) {
      await registry.permit(name, "admin", caller);
      return (await stateOf(name)).configs;
    },

    async add(name, input, caller, options) {
      await registry.permit(name, "admin", caller);
      const config: TrustConfig = {
        id: randomUUID(),
        ...checked(input, settings.issuers),
        created: Date.now(),
        by: caller.principal.name,
      };
      await change(name, caller, options, ({ configs }) => {
        if (configs.some((other) => sameText(other, config)))
          throw new CitadelError("E_CONFLICT", `${name} has this trusted publisher already`, {
            hint: [`see them: npm trust list ${name}`],
          });
        if (configs.length >= mostConfigs)
          throw invalid(`a package has at most ${mostConfigs} trusted publishers`);
        return [{ type: "add", config }];
      });
      return config;
    },

    async remove(name, id, caller, options) {
      await registry.permit(name, "admin", caller);
      await change(name, caller, options, ({ configs }) => {
        if (!configs.some((config) => config.id === id))
          throw new CitadelError("E_NOT_FOUND", `${name} has no such trusted publisher`, {
            hint: [`see which it has: npm trust list ${name}`],
          });
        return [{ type: "remove", id }];
      });
    },

    async exchange(name, idToken, audiences, { address }) {
      checkName(name);
      try {
        const candidates = await judge(await stateOf(name), idToken, audiences);
        const right = candidates.filter(({ reasons }) => reasons.length === 0);
        // what one of them allows is not taken away by another one
        const found = right.find(({ config }) => mayPublish(config)) ?? right[0];
        if (!found?.verified) {
          const reasons = new Set(candidates.flatMap((one) => one.reasons));
          throw new Refused([...reasons].join("; ").slice(0, 1000));
        }
        const { config, issuer, verified } = found;
        const { payload, until } = verified;
        const principal = jobName(issuer, payload);
        const who = { name: principal, via: "npm", ...(address && { address }) } as const;
        const use = useOf(payload, idToken);
        const pins = pinsOf(issuer, payload);
        const run = runOf(issuer, payload);
        await ledger.change(name, who, ({ configs, seen } = noTrust) => {
          const now = configs.find(({ id }) => id === config.id);
          if (!now) throw new Refused("the trusted publisher was removed");
          if (seen.some(([before]) => before === use))
            throw new Refused("it was exchanged before, and counts once");
          // two first tokens may come at a time
          const [changed] = pinProblems(now, pins);
          if (changed !== undefined) throw new Refused(changed);
          if (seen.filter(([, end]) => end > Date.now()).length >= mostSeen)
            throw new Refused("too many tokens of this package were exchanged lately");
          return [{ type: "exchange", id: config.id, use, until, pins, run }];
        });
        const job = jobOf(name, config, principal);
        const { token } = await accounts.issueJob(job, who);
        return { token, expires: job.expires };
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        log("an ID token is refused", { package: name, reason: error.message, address });
        throw new CitadelError("E_TRUST_REFUSED", "the ID token is not accepted for this package", {
          cause: error,
        });
      }
    },

    async identify(idToken, audiences) {
      try {
        const iss = await claimedIssuer(idToken);
        const claims = await unverifiedTexts(idToken);
        const issuer = settings.issuers.find((one) => issuerUrl(one, claims) === iss);
        if (!issuer || typeof iss !== "string") return undefined;
        const { maxAge } = settings;
        const options = { url: iss, audiences, keys: keys.of(iss), maxAge };
        const { payload } = await verifyToken(idToken, issuer, options);
        const unfit = refusesRun(issuer, payload);
        const reasons = [...(unfit ? [unfit] : []), ...mismatches(issuer, {}, payload)];
        if (reasons.length > 0) throw new Refused(reasons.join("; ").slice(0, 1000));
        const run = pageOf(issuer, iss, payload);
        return { issuer: issuer.name, name: jobName(issuer, payload), claims: payload, run };
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        log("an ID token is refused", { reason: error.message });
        throw new CitadelError("E_TRUST_REFUSED", "the ID token is not accepted here", {
          cause: error,
        });
      }
    },

    async explain(name, idToken, audiences) {
      try {
        const state = await stateOf(name);
        const candidates = await judge(state, idToken, audiences);
        const claims = candidates.find(({ verified }) => verified)?.verified?.payload;
        const used = claims && state.seen.some(([use]) => use === useOf(claims, idToken));
        return {
          accepted: !used && candidates.some(({ reasons }) => reasons.length === 0),
          ...(used ? { reason: "it was exchanged before, and counts once" } : {}),
          configs: candidates.map(({ config, reasons }) => ({ id: config.id, reasons })),
          ...(claims ? { claims } : {}),
        };
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return { accepted: false, reason: error.message, configs: [] };
      }
    },

    close: () => egress.close(),
  };
}

/** What `aud` is for the registry at `base`: npm and pnpm leave the port away, yarn does not. */
export function audiencesOf(base: string): readonly string[] {
  const { hostname, host } = new URL(base);
  return [...new Set([`npm:${hostname}`, `npm:${host}`])];
}

/** What a token is known by when it comes again, on any server. */
function useOf({ iss, jti }: Payload, token: string): string {
  // a signature can be spelled in many ways that all are right: without an id, what is signed tells tokens apart
  const id =
    typeof jti === "string" && jti !== ""
      ? JSON.stringify([iss, jti])
      : token.slice(0, token.lastIndexOf("."));
  return createHash("sha256").update(id).digest("base64url");
}

function pinProblems({ pins = {} }: TrustConfig, now: Readonly<Record<string, string>>): string[] {
  return Object.entries(pins).flatMap(([name, value]) =>
    now[name] === value
      ? []
      : [`${name} is ${say(now[name])} and was ${say(value)}: the name has gone to somebody else`],
  );
}

function checked({ issuer: name, claims, permissions }: TrustInput, issuers: readonly Issuer[]) {
  const issuer = issuers.find((one) => one.name === name);
  if (!issuer)
    throw invalid(
      `this registry knows no issuer ${say(name)}; it knows ${issuers.map((one) => one.name).join(", ") || "none"}`,
    );
  const problem = problemOf(issuer.type, claims);
  if (problem !== undefined) throw invalid(`the trusted publisher is of no use: ${problem}`);
  const wanted = [...new Set(permissions)];
  if (wanted.length === 0 || !wanted.every((one) => permissionNames.has(one)))
    throw invalid(`permissions must be some of ${[...permissionNames].join(", ")}`);
  return {
    issuer: issuer.name,
    type: issuer.type,
    claims,
    permissions: wanted as TrustPermission[],
  };
}

const sameText = (a: TrustConfig, b: TrustConfig): boolean =>
  a.issuer === b.issuer && textOf(a) === textOf(b);
const textOf = ({ claims }: TrustConfig): string =>
  JSON.stringify(Object.entries(claims).toSorted(([a], [b]) => (a < b ? -1 : 1)));

const say = (value: unknown): string => (JSON.stringify(value) ?? "missing").slice(0, 200);

const invalid = (message: string): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["see docs/trusted-publishing.md for what a trusted publisher is made of"],
  });
