import type { ClientId } from "./client.ts";

/** The words after the program; a client without the command is left out. */
export type Words = Readonly<Partial<Record<ClientId, readonly string[]>>>;

const npm = (...words: readonly string[]): Words => ({ npm10: words, npm11: words, npm12: words });
const npmAndPnpm = (...words: readonly string[]): Words => ({ ...npm(...words), pnpm: words });

/** A command that only reads, what it has to say, and how it ends: well, unless told. */
interface Reading {
  readonly words: (name: string) => Words;
  readonly says: (name: string) => RegExp;
  /** code 1 for what it found, as some have it and some not */
  readonly mayFail?: true;
}

/**
 * Commands that ask the registry and change nothing, run in a project that has `name` at 1.0.0 of ^1.0.0 while the registry has 1.1.0
 * of it too.
 */
export const readings: Readonly<Record<string, Reading>> = {
  "view a field": {
    words: (name) => ({
      ...npmAndPnpm("view", name, "versions", "--json"),
      yarn1: ["info", name, "versions", "--json"],
      yarn4: ["npm", "info", name, "--fields", "versions", "--json"],
      bun: ["info", name, "versions", "--json"],
    }),
    says: () => /"1\.0\.0",\s*"1\.1\.0"/,
  },
  "view a range": {
    words: (name) => ({
      ...npmAndPnpm("view", `${name}@^1.0.0`, "version"),
      yarn4: ["npm", "info", `${name}@^1.0.0`, "--fields", "version", "--json"],
      bun: ["info", `${name}@^1.0.0`, "version"],
    }),
    says: () => /1\.1\.0/,
  },
  "view what is not there": {
    words: () => ({
      ...npmAndPnpm("view", "not-there"),
      yarn1: ["info", "not-there"],
      yarn4: ["npm", "info", "not-there"],
      bun: ["info", "not-there"],
      deno: ["info", "npm:not-there"],
    }),
    says: () => /404|not found|does not exist|invalid response/i,
    mayFail: true,
  },
  "search with qualifiers": {
    words: (name) => npmAndPnpm("search", "keywords:hammer", name, "--json"),
    says: (name) => new RegExp(`"name":\\s*"${name}"`),
  },
  pack: {
    words: (name) => npm("pack", `${name}@1.0.0`),
    says: (name) => new RegExp(`^${name}-1\\.0\\.0\\.tgz$`, "m"),
  },
  diff: {
    words: (name) => ({
      ...npm("diff", `--diff=${name}@1.0.0`, `--diff=${name}@1.1.0`),
      bun: ["pm", "diff", `${name}@1.0.0`, "1.1.0"],
    }),
    says: (name) => new RegExp(`-.*${name}@1\\.0\\.0.*\\+.*${name}@1\\.1\\.0`, "s"),
  },
  // "registry" would want the public one
  doctor: {
    words: () => ({ ...npm("doctor", "connection"), pnpm: ["doctor"] }),
    says: () => /Connecting to the registry\s+Ok|Registry connectivity: http/,
  },
  outdated: {
    words: () => ({
      ...npmAndPnpm("outdated"),
      yarn1: ["outdated"],
      bun: ["outdated"],
      deno: ["outdated"],
    }),
    says: (name) => new RegExp(`${name}.*1\\.0\\.0.*1\\.1\\.0`, "s"),
    mayFail: true,
  },
  "run from the registry": {
    words: (name) => ({
      ...npm("exec", "--yes", `${name}@1.1.0`, "--", "hard"),
      pnpm: ["dlx", `${name}@1.1.0`, "hard"],
      yarn4: ["dlx", `${name}@1.1.0`, "hard"],
      bun: ["x", `${name}@1.1.0`, "hard"],
      deno: ["x", "--yes", `npm:${name}@1.1.0`, "hard"],
    }),
    says: (name) => new RegExp(`${name} 1\\.1\\.0 works hard`),
  },
};

/** Makes a project with `create-from-<name>`, in an empty folder. */
export const creating = (name: string): Words => ({
  ...npm("init", "--yes", `from-${name}`, "--", "hard"),
  pnpm: ["create", `from-${name}`, "hard"],
  yarn1: ["create", `from-${name}`, "hard"],
  yarn4: ["init", `create-from-${name}`, "hard"],
  bun: ["create", `from-${name}`, "hard"],
  deno: ["create", "--yes", "--npm", `from-${name}`, "--", "hard"],
});

/** The pages of a package, which npm prints and pnpm opens with a program. */
export const pages = ["repo", "bugs", "docs"] as const;
export const pageOf = (page: string, name: string): Words => ({
  ...npm(page, name, "--no-browser"),
  pnpm: [page, name],
});

/** Fetches 1.0.0 into the client's cache. */
export const caching = (name: string): Words => ({
  ...npm("cache", "add", `${name}@1.0.0`),
  pnpm: ["store", "add", `${name}@1.0.0`],
  deno: ["cache", `npm:${name}@1.0.0`],
});

export const aliasing = (name: string): Words => {
  const spec = `alias@npm:${name}@1.0.0`;
  return {
    ...npm("install", spec),
    pnpm: ["add", spec],
    yarn1: ["add", spec],
    yarn4: ["add", spec],
    bun: ["add", spec],
    deno: ["add", spec],
  };
};

/** Brings 1.1.0 into the project. */
export const updating = (name: string): Words => ({
  ...npmAndPnpm("update"),
  yarn1: ["upgrade"],
  yarn4: ["up", name],
  bun: ["update"],
  deno: ["update"],
});

export const publishing = {
  tarball: {
    ...npm("publish", "./packed.tgz"),
    pnpm: ["publish", "./packed.tgz", "--no-git-checks"],
    yarn1: ["publish", "./packed.tgz"],
    bun: ["publish", "./packed.tgz"],
  },
  workspace: {
    ...npm("publish", "--workspaces"),
    pnpm: ["publish", "--recursive", "--no-git-checks"],
    yarn4: ["workspaces", "foreach", "--all", "--no-private", "npm", "publish"],
    bun: ["publish", "--recursive"],
  },
  dry: {
    ...npm("publish", "--dry-run"),
    pnpm: ["publish", "--dry-run", "--no-git-checks"],
    yarn4: ["npm", "publish", "--dry-run"],
    bun: ["publish", "--dry-run"],
  },
  tolerant: {
    yarn4: ["npm", "publish", "--tolerate-republish"],
    bun: ["publish", "--tolerate-republish"],
  },
  restricted: {
    yarn1: ["publish", "--access", "restricted"],
    yarn4: ["npm", "publish", "--access", "restricted"],
    bun: ["publish", "--access", "restricted"],
  },
} satisfies Record<string, Words>;

export const deprecating = (spec: string, message: string): Words =>
  npmAndPnpm("deprecate", spec, message);
export const undeprecating = (spec: string): Words => ({
  npm10: ["deprecate", spec, ""],
  npm11: ["undeprecate", spec],
  npm12: ["undeprecate", spec],
  pnpm: ["undeprecate", spec],
});

export const unpublishing = (spec: string): Words => npmAndPnpm("unpublish", spec);
