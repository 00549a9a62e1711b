import type { JsonObject } from "@citadel/core/registry";

/** A package somewhere else, as it stands there. Nothing in it is trusted. */
export interface SourcePackage {
  /** the full document, with `versions`, `dist-tags`, `time` and the rest */
  readonly document: JsonObject;
  /** versions to take, in no order */
  readonly versions: readonly string[];
  /** versions that are only copies from an upstream registry and stay behind */
  readonly cached: number;
  tarball(version: string, manifest: JsonObject): AsyncIterable<Uint8Array>;
}

/** Where packages come from. */
export interface Source {
  readonly names: readonly string[];
  /** @throws what is wrong with this package; the others are read all the same */
  read(name: string): Promise<SourcePackage>;
  /** whether a tarball costs no more than reading a file, so that a dry run looks into each */
  readonly near: boolean;
}

/** Something that stays behind, with the reason. */
export interface Problem {
  /** package, or `users`, `tokens` and the like */
  readonly subject: string;
  readonly version?: string;
  readonly code: string;
  readonly message: string;
}

/** What an import has done, or with `dryRun` would do. */
export interface Moved {
  readonly packages: {
    /** new here */
    readonly added: number;
    /** here already, and got versions */
    readonly changed: number;
    /** here already with all that came */
    readonly unchanged: number;
    /** only copies of an upstream's, left out */
    readonly cached: number;
    /** nothing of it could be taken */
    readonly failed: number;
  };
  readonly versions: {
    readonly added: number;
    readonly unchanged: number;
    readonly cached: number;
    readonly failed: number;
  };
  /** bytes of the tarballs of added versions; 0 in a dry run that reads none */
  readonly bytes: number;
  /** new packages that name no owner who is a user here, and for whom the caller was not told one either */
  readonly unowned: number;
  readonly problems: readonly Problem[];
  readonly dryRun: boolean;
}
