import { CitadelError } from "../errors.ts";
import type { Changed, Which } from "./api.ts";
import type { Contents, ScopeLabel } from "./contents.ts";
import type { Meta } from "./meta.ts";
import { checkName, checkScope } from "./names.ts";
import { denied } from "./problems.ts";
import type { ScopeState, SecretState, VaultState } from "./types.ts";

/** A secret and what its sealed records call it. */
export interface Found {
  readonly secret: SecretState;
  readonly scope: ScopeState;
  readonly label: ScopeLabel;
  readonly name: string;
  readonly meta: Meta;
}

/** Every secret whose name this identity can read. */
export const all = async function* (state: VaultState, contents: Contents): AsyncGenerator<Found> {
  const labels = new Map<string, ScopeLabel>();
  for (const scope of state.scopes.values())
    if (contents.holds(scope)) labels.set(scope.id, await contents.scopeOf(state, scope));
  for (const secret of state.secrets.values()) {
    const scope = state.scopes.get(secret.scope);
    const label = labels.get(secret.scope);
    if (!scope || !label) continue;
    const meta = await contents.metaOf(secret.meta, scope);
    yield { secret, scope, label, name: meta.name, meta };
  }
};

export const matching = async (
  state: VaultState,
  contents: Contents,
  which: Which,
): Promise<Found[]> => {
  const name = checkName(which.name, "secret");
  const scope = which.scope === undefined ? undefined : checkScope(which.scope);
  if (scope !== undefined) {
    const wanted = await scopeNamed(state, contents, scope);
    if (wanted && !contents.holds(wanted))
      throw denied(`this identity has no key of the scope ${scope}`);
  }
  const found = await Array.fromAsync(all(state, contents));
  return found.filter((one) => one.name === name && (scope ?? one.label.name) === one.label.name);
};

export const find = async (state: VaultState, contents: Contents, which: Which): Promise<Found> => {
  const [found, ...others] = await matching(state, contents, which);
  if (!found) throw new CitadelError("E_SECRET_NOT_FOUND", `there is no secret ${shown(which)}`);
  if (others.length > 0) throw ambiguous(which, [found, ...others]);
  return found;
};

export const scopeNamed = async (state: VaultState, contents: Contents, name: string) => {
  for (const scope of state.scopes.values())
    if ((await contents.scopeOf(state, scope)).name === name) return scope;
  return undefined;
};

export const shown = ({ scope, name }: Which): string =>
  JSON.stringify(scope === undefined ? name : `${scope}/${name}`);
export const shownAs = ({ label, name }: Found): string => shown({ scope: label.name, name });
export const stateOf = ({ secret }: Found, n: number) => secret.versions[n - 1]?.state;
export const changedTo = ({ secret, label, name }: Found, changed: boolean): Changed => ({
  ...{ scope: label.name, name, version: secret.current, changed },
});

/** The versions that are meant, each of which there has to be. */
export function chosen(found: Found, versions?: readonly number[]): readonly number[] {
  const numbers = found.secret.versions.map((_, index) => index + 1);
  const missing = versions?.find((n) => !numbers.includes(n));
  if (missing !== undefined)
    throw new CitadelError("E_SECRET_NOT_FOUND", `${shownAs(found)} has no version ${missing}`);
  return versions ? [...new Set(versions)] : numbers;
}

export const ambiguous = (which: Which, found: readonly Found[]): CitadelError =>
  new CitadelError(
    "E_USAGE",
    `${shown(which)} is in the scopes ${found.map(({ label }) => label.name).join(", ")}`,
    {
      hint: ["say which one: --scope <scope>"],
    },
  );

export function gone(found: Found, n: number): CitadelError {
  const { state = "destroyed", since } = found.secret.versions[n - 1] ?? {};
  const when = since === undefined ? "" : ` since ${new Date(since).toISOString()}`;
  return new CitadelError("E_SECRET_GONE", `version ${n} of ${shownAs(found)} is ${state}${when}`);
}

export function expired(found: Found, n: number): CitadelError {
  const when = new Date(found.meta.expires?.[n] ?? 0).toISOString();
  return new CitadelError("E_SECRET_GONE", `version ${n} of ${shownAs(found)} expired ${when}`, {
    hint: [
      `set a new value: citadel secrets:set ${found.name}`,
      "read it all the same, which is kept on record: --allow-expired",
    ],
  });
}

export const noScope = (name: string): CitadelError =>
  new CitadelError("E_SECRET_NOT_FOUND", `there is no scope ${JSON.stringify(name)}`);
