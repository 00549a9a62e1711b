declare module "npm-packlist" {
  /** A package as npm's arborist describes it; only what npm-packlist reads. */
  export interface PackTree {
    readonly path: string;
    readonly package: Readonly<Record<string, unknown>>;
    readonly isProjectRoot: boolean;
    readonly isLink: boolean;
    /** where a link leads; the node itself for what is no link */
    readonly target: PackTree;
    /** dependency → where it was found */
    readonly edgesOut: ReadonlyMap<string, { readonly to: PackTree | undefined }>;
  }
  /** Paths of the files that npm would pack, relative to the folder, with forward slashes. */
  export default function packlist(tree: PackTree): Promise<string[]>;
}
