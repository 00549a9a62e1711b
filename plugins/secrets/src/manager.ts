import { CitadelError } from "@citadel/core/errors";
import { drawMermaid, drawTree } from "@citadel/core/graph";
import type { InstalledOptions } from "@citadel/core/installed";
import type { Changed, GetOptions, Read, SetOptions, VersionInfo } from "@citadel/core/vault";
import type { RotationPolicy } from "@citadel/core/rotation";

export interface SecretsManagerOptions extends InstalledOptions {
  /** of the vault's key file; asked for when the vault is opened */
  readonly passphrase: () => Promise<string>;
}

export type RotateOptions =
  | { readonly value: string | Uint8Array; readonly scope?: string }
  /** a random one */
  | {
      readonly generate: { readonly length: number; readonly symbols?: boolean };
      readonly scope?: string;
    }
  /** in four steps, see `docs/secrets.md` */
  | {
      readonly policy: Partial<RotationPolicy>;
      readonly value?: string | Uint8Array;
      readonly scope?: string;
    };

export interface VersionHistory {
  readonly scope: string;
  readonly name: string;
  /** newest first */
  readonly items: readonly VersionInfo[];
}

/** The vault of a store, for programs; errors have a `code` of `docs/errors.md`. */
export interface RegistrySecretsManager extends AsyncDisposable {
  /** @throws E_INVALID_SECRET, E_CONFLICT, E_VAULT_NOT_FOUND, E_VAULT_LOCKED, E_SECRET_DENIED */
  setSecret(
    name: string,
    value: string | Uint8Array,
    options?: SetOptions & { readonly scope?: string },
  ): Promise<Changed>;
  /** @throws E_SECRET_NOT_FOUND, E_SECRET_GONE, E_SECRET_DENIED */
  getSecret(name: string, options?: GetOptions & { readonly scope?: string }): Promise<Read>;
  /** @throws E_ROTATION, and then the same call goes on with the step that failed */
  rotateSecret(
    name: string,
    options: RotateOptions,
  ): Promise<{ readonly scope: string; readonly version: number }>;
  getSecretVersions(name: string, options?: { readonly scope?: string }): Promise<VersionHistory>;
  /** The history as a tree of text, or as flowcharts for Mermaid. */
  generateVersionGraph(
    name: string,
    options?: { readonly scope?: string; readonly form?: "ascii" | "mermaid" },
  ): Promise<string>;
  close(): Promise<void>;
}

export const RegistrySecretsManager = { open: openSecretsManager } as const;

/** Opens the vault of the store that the settings describe. @throws E_CONFIG, E_STORE_UNAVAILABLE */
export async function openSecretsManager({
  passphrase,
  ...installed
}: SecretsManagerOptions): Promise<RegistrySecretsManager> {
  const [{ openInstalled }, { openSecrets }, { generate }] = await Promise.all([
    import("@citadel/core/installed"),
    import("@citadel/core/open-secrets"),
    import("@citadel/core/vault"),
  ]);
  const { citadel } = await openInstalled(installed);
  const vault = openSecrets({ citadel, passphrase });
  const bytes = (value: string | Uint8Array): Buffer => Buffer.from(value);
  const close = () => citadel.close();
  return {
    setSecret: (name, value, { scope, ...options } = {}) =>
      vault.set({ name, scope }, bytes(value), options),
    getSecret: (name, { scope, ...options } = {}) => vault.get({ name, scope }, options),

    async rotateSecret(name, options) {
      const which = { name, scope: options.scope };
      if ("generate" in options) return vault.rotate(which, bytes(generate(options.generate)));
      if (!("policy" in options)) return vault.rotate(which, bytes(options.value));
      const { policy, value } = options;
      const { rotateInSteps } = await import("@citadel/core/rotation");
      return rotateInSteps(vault, {
        which,
        policy: { timeout: 60_000, ...policy },
        value: async () => {
          if (value !== undefined) return bytes(value);
          throw new CitadelError("E_USAGE", "neither a value nor a generator for one");
        },
        signal: new AbortController().signal,
        done: () => {},
      });
    },

    getSecretVersions: (name, { scope } = {}) => vault.versions({ name, scope }),

    async generateVersionGraph(name, { scope, form = "ascii" } = {}) {
      const { graphOf } = await import("./graph.ts");
      const graph = graphOf(await vault.versions({ name, scope }), Date.now());
      return form === "ascii" ? drawTree(graph) : drawMermaid(graph).join("\n\n");
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}
