import type { Issuer, ProviderType, WantedClaim, WantedClaims } from "./types.ts";

/** What an ID token says; nothing in it is trusted but that its issuer said it. */
export type Payload = Readonly<Record<string, unknown>>;

/** What is special about a kind of issuer. */
interface Provider {
  /** claims that a configuration must name, and how their values look */
  readonly required: Readonly<Record<string, RegExp | "file">>;
  /** a claim that names a workflow file at a revision, and what stands in it before the file */
  readonly file?: { readonly claim: string; readonly form: RegExp };
  place?(claims: WantedClaims, issuer: URL): string;
  /** ids that stay when a name is given to somebody else */
  readonly pins: readonly string[];
  /** the claim that people know a pipeline by */
  readonly subject: string;
  /** claims that say which run it was */
  readonly run: readonly string[];
  /** where people see that run */
  page?(claims: Readonly<Record<string, string>>, issuer: URL): string | undefined;
  /** why a run must not publish, whatever a configuration says */
  refuses?(payload: Payload): string | undefined;
}

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

const providers: Readonly<Record<ProviderType, Provider>> = {
  github: {
    required: { repository: /^[\w.-]+\/[\w.-]+$/, workflow_ref: "file" },
    file: { claim: "workflow_ref", form: /^[^/\\@\s]+\.ya?ml$/ },
    place: ({ repository }) => `${text(repository)}/.github/workflows/`,
    pins: ["repository_id", "repository_owner_id"],
    subject: "repository",
    run: ["workflow_ref", "ref", "sha", "run_id", "run_attempt", "actor", "event_name"],
    page({ repository = "", run_id: run = "" }, { host }) {
      const site = host === "token.actions.githubusercontent.com" ? "github.com" : host;
      const known = /^[\w.-]+\/[\w.-]+$/.test(repository) && /^\d+$/.test(run);
      return known ? `https://${site}/${repository}/actions/runs/${run}` : undefined;
    },
    // such runs work on what strangers propose
    refuses: ({ event_name: event }) =>
      typeof event === "string" && event.startsWith("pull_request")
        ? `a run for ${event} must not publish`
        : undefined,
  },
  gitlab: {
    required: { project_path: /^[\w.-]+(?:\/[\w.-]+)+$/, ci_config_ref_uri: "file" },
    file: { claim: "ci_config_ref_uri", form: /^(?!\/)(?!.*\/\/)[^\\@\s]+\.ya?ml$/ },
    place: ({ project_path: path }, { host, pathname }) =>
      `${host}${pathname.replace(/\/$/, "")}/${text(path)}//`,
    pins: ["project_id"],
    subject: "project_path",
    run: ["ci_config_ref_uri", "ref_path", "sha", "pipeline_id", "job_id", "user_login"],
    page({ project_path: path = "", job_id: job = "" }, { origin }) {
      const known = /^[\w.-]+(?:\/[\w.-]+)+$/.test(path) && /^\d+$/.test(job);
      return known ? `${origin}/${path}/-/jobs/${job}` : undefined;
    },
    refuses: ({ pipeline_source: source }) =>
      source === "merge_request_event" || source === "external_pull_request_event"
        ? `a pipeline for a ${source} must not publish`
        : undefined,
  },
  circleci: {
    required: {
      "oidc.circleci.com/org-id": uuid,
      "oidc.circleci.com/project-id": uuid,
      "oidc.circleci.com/pipeline-definition-id": uuid,
      "oidc.circleci.com/vcs-origin": /^[^\s/]+(?:\/[^\s/]+){2,}$/,
    },
    pins: [],
    subject: "oidc.circleci.com/vcs-origin",
    run: ["oidc.circleci.com/vcs-ref", "oidc.circleci.com/job-id", "oidc.circleci.com/workflow-id"],
    refuses: (payload) =>
      payload["oidc.circleci.com/ssh-rerun"] === true
        ? "a job that was started again with SSH must not publish"
        : undefined,
  },
  generic: { required: {}, pins: [], subject: "sub", run: ["sub"] },
};

const mostClaims = 20;
const longest = 500;

/** Why these claims are none that a configuration may have; undefined when they are. */
export function problemOf(type: ProviderType, claims: WantedClaims): string | undefined {
  const { required, file } = providers[type];
  const all = Object.entries(claims);
  if (all.length === 0) return "it must name at least one claim";
  if (all.length > mostClaims) return `it names more than ${mostClaims} claims`;
  for (const [name, form] of Object.entries(required)) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (value === undefined) return `it must name the claim ${name}`;
    if (form === "file" ? !isFile(value) : typeof value !== "string" || !form.test(value))
      return form === "file" ? `${name} must be { file }` : `${name} is not one of ${type}`;
  }
  for (const [name, value] of all) {
    if (name.length > longest || registered.has(name)) return `${name.slice(0, 60)} is not for it`;
    if (isFile(value)) {
      if (name !== file?.claim) return `${name} cannot be a file`;
      if (!file.form.test(value.file)) return `${name}.file is not the name of a workflow file`;
    }
    const texts = isFile(value) ? [value.file] : Array.isArray(value) ? value : [value];
    if (texts.length === 0 || texts.length > mostClaims) return `${name} has no value`;
    if (texts.some((item) => item === "" || item.length > longest || /\p{Cc}/u.test(item)))
      return `${name} must be a text of 1 to ${longest} characters`;
  }
  return undefined;
}

/** Checked of every token by itself. */
const registered: ReadonlySet<string> = new Set(["iss", "aud", "exp", "nbf", "iat", "jti"]);

/** What the configuration does not find in the token, a sentence for each; empty when all is there. */
export function mismatches(issuer: Issuer, claims: WantedClaims, payload: Payload): string[] {
  const { place } = providers[issuer.type];
  const before = place?.(claims, new URL(issuer.issuer)) ?? "";
  return Object.entries({ ...claims, ...issuer.claims }).flatMap(([name, wanted]) => {
    const said = Object.hasOwn(payload, name) ? payload[name] : undefined;
    if (fits(wanted, said, before)) return [];
    const expected = isFile(wanted) ? `${before}${wanted.file}@<branch or tag>` : wanted;
    return [`${name} is ${shown(said)}, not ${shown(expected)}`];
  });
}

function fits(wanted: WantedClaim, said: unknown, before: string): boolean {
  if (isFile(wanted)) {
    const start = `${before}${wanted.file}@`;
    // what follows the file is a whole revision: the start alone would fit "ci.yml@other.yml@refs/…", or a proposed change
    return (
      typeof said === "string" &&
      said.startsWith(start) &&
      /^refs\/(?:heads|tags)\/./.test(said.slice(start.length))
    );
  }
  if (typeof wanted !== "string")
    return Array.isArray(said) && wanted.every((item) => said.includes(item));
  return typeof said === "string" || typeof said === "number" || typeof said === "boolean"
    ? String(said) === wanted
    : false;
}

/** Why the run must not publish at all. */
export const refusesRun = ({ type }: Issuer, payload: Payload): string | undefined =>
  providers[type].refuses?.(payload);

/** Ids to remember, of those that the token has. */
export const pinsOf = ({ type }: Issuer, payload: Payload): Readonly<Record<string, string>> =>
  pick(payload, providers[type].pins);

/** Which run it was. */
export const runOf = ({ type }: Issuer, payload: Payload): Readonly<Record<string, string>> =>
  pick(payload, providers[type].run);

/** Where people see the run; what its claims say of it where no page is known. */
export function pageOf(issuer: Issuer, url: string, payload: Payload): string {
  const { page, run, subject } = providers[issuer.type];
  const claims = pick(payload, [...run, subject]);
  return (page?.(claims, new URL(url)) ?? JSON.stringify(claims)).slice(0, longest);
}

/** What versions and ledgers call the job: `github:acme/ui`. No user can have such a name. */
export function jobName({ name, type }: Issuer, payload: Payload): string {
  const subject = payload[providers[type].subject] ?? payload["sub"];
  const plain = typeof subject === "string" ? subject.replaceAll(/[^\x21-\x7e]+/g, "-") : "job";
  return `${name}:${plain.slice(0, 150)}`;
}

/** `iss` for a configuration; undefined when it does not say all that the issuer's address is made of. */
export function issuerUrl({ issuer }: Issuer, claims: WantedClaims): string | undefined {
  let whole = true;
  const url = issuer.replaceAll(/\{([^{}]+)\}/g, (_, name: string) => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (typeof value === "string" && /^[\w-]+$/.test(value)) return value;
    whole = false;
    return "";
  });
  return whole ? url : undefined;
}

function pick(payload: Payload, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const said = Object.hasOwn(payload, name) ? payload[name] : undefined;
      return typeof said === "string" || typeof said === "number"
        ? [[name, String(said).slice(0, longest)]]
        : [];
    }),
  );
}

export const isFile = (value: unknown): value is { readonly file: string } =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as { file?: unknown }).file === "string";

const text = (value: WantedClaim | undefined): string => (typeof value === "string" ? value : "");

const shown = (value: unknown): string =>
  value === undefined ? "missing" : (JSON.stringify(value) ?? "missing").slice(0, 200);
