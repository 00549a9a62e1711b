// What is used here of libraries that come without types.

declare module "@npmcli/arborist" {
  export interface Node {
    readonly name: string;
    readonly version: string;
    readonly location: string;
  }
  export interface Options {
    readonly path: string;
    /** npm's configuration by its names, credentials included */
    readonly [option: string]: unknown;
  }
  export default class Arborist {
    constructor(options: Options);
    /** Builds the tree that lockfile and `add` say, and makes `node_modules` like it. */
    reify(options?: { readonly add?: readonly string[] }): Promise<unknown>;
    /** Runs the install scripts that `allowScripts` lets run. */
    rebuild(): Promise<void>;
  }
}

declare module "npm-pick-manifest" {
  /** The version that npm takes. @throws ETARGET, ENOVERSIONS */
  export default function pickManifest<T extends object>(
    packument: object,
    wanted: string,
    options?: { readonly defaultTag?: string },
  ): T;
}

declare module "npm-package-arg" {
  export interface Result {
    readonly type: "version" | "range" | "tag" | "git" | "remote" | "file" | "directory" | "alias";
    readonly name: string | null | undefined;
    readonly rawSpec: string;
    /** as typed */
    readonly raw: string;
  }
  export default function npa(spec: string, where?: string): Result;
}

declare module "npm-normalize-package-bin" {
  /** Program → path in the package, whatever form `bin` and `directories.bin` have; paths that lead out are cut. */
  export default function normalize<T extends object>(
    manifest: T,
  ): T & { readonly bin?: Readonly<Record<string, string>> };
}

declare module "pacote" {
  const pacote: {
    manifest(
      spec: string,
      options: Readonly<Record<string, unknown>>,
    ): Promise<{
      readonly name: string;
      readonly version: string;
      readonly _resolved: string;
      readonly _integrity?: string;
    }>;
  };
  export default pacote;
}

declare module "cacache" {
  interface Item {
    readonly key: string;
    readonly integrity: string;
    /** ms since 1970 */
    readonly time: number;
  }
  export function ls(cache: string): Promise<Record<string, Item>>;
  export const rm: {
    entry(cache: string, key: string, options: { readonly removeFully: boolean }): Promise<unknown>;
  };
  /** Removes content that no entry names. */
  export function verify(
    cache: string,
    options: { readonly concurrency: number },
  ): Promise<unknown>;
}
