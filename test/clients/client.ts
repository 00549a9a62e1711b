import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { approvalIn, approve } from "../support/approve.ts";
import type { ClientTools } from "../support/clients.ts";
import { run, type Ran, type RunOptions } from "../support/run.ts";

export type ClientId = keyof ClientTools;

export interface User {
  readonly name: string;
  readonly password: string;
}

/** `env` is put over that of the seat. */
type SeatOptions = Pick<RunOptions, "cwd" | "answers" | "heard" | "env">;

/** One person at one client: an own home with its configuration, caches and credentials. */
export interface Seat {
  readonly home: string;
  /** the registry, without a slash at the end */
  readonly url: string;
  readonly user: User;
  run(args: readonly string[], options?: SeatOptions): Promise<Ran>;
  /** as `run`, on a terminal of its own */
  onTerminal(args: readonly string[], options?: SeatOptions): Promise<Ran>;
}

/** What a client can do, in its own commands. What it has no command for is absent. */
export interface Client {
  /** lays down its configuration; `token` only for clients that cannot log in themselves */
  configure(token?: string): Promise<void>;
  signUp?(): Promise<Ran>;
  login?(): Promise<Ran>;
  logout?(): Promise<Ran>;
  /** the token that its log-in left on disk; undefined when it keeps none */
  savedToken?(): Promise<string | undefined>;
  whoami?(): Promise<Ran>;
  ping?(): Promise<Ran>;
  publish?(folder: string, tag?: string): Promise<Ran>;
  /** adds to the project in `folder`, which it prepares when it is new */
  add(folder: string, specs: readonly string[]): Promise<Ran>;
  /** installs what the lockfile says, or fails */
  frozen(folder: string): Promise<Ran>;
  readonly lockfile: string;
  /** false when the lockfile holds checksums of its own and not the registry's integrity */
  readonly locksIntegrity: boolean;
  view?(spec: string): Promise<Ran>;
  search?(text: string): Promise<Ran>;
  readonly tag?: {
    add(spec: string, tag: string): Promise<Ran>;
    ls(name: string): Promise<Ran>;
    rm(name: string, tag: string): Promise<Ran>;
  };
  deprecate?(spec: string, message: string): Promise<Ran>;
  undeprecate?(spec: string): Promise<Ran>;
  /** what `add` of a deprecated version prints; absent when it stays silent */
  readonly warnsOfDeprecation?: RegExp;
  /** what `view` of a deprecated version prints */
  readonly viewsDeprecation?: boolean;
  unpublish?(spec: string): Promise<Ran>;
  unpublishAll?(name: string): Promise<Ran>;
}

const hostAndPath = (url: string) => url.replace(/^https?:/, "");

function npmrc(seat: Seat, token?: string): string {
  const lines = [`registry=${seat.url}/`, "update-notifier=false", "audit=false", "fund=false"];
  if (token !== undefined) lines.push(`${hostAndPath(seat.url)}/:_authToken=${token}`);
  return `${lines.join("\n")}\n`;
}

async function saved(file: string, pattern: RegExp): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return pattern.exec(text)?.[1];
}

const inNpmrc = /:_authToken="?([^"\s]+)/;
const answersOf = ({ user }: Seat) =>
  [
    [/username\W+$/i, user.name],
    [/password\W+$/i, user.password],
    [/email[^\n]*\W+$/i, `${user.name}@example.invalid`],
  ] as const;

/** A new project, unless there is one. */
async function project(
  folder: string,
  files: Readonly<Record<string, string>> = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const all = {
    "package.json": '{ "name": "project", "version": "1.0.0", "license": "MIT" }',
    ...files,
  };
  for (const [name, content] of Object.entries(all))
    await writeFile(join(folder, name), content, { flag: "wx" }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      },
    );
}

function npm(major: 10 | 11 | 12) {
  return (seat: Seat): Client => {
    const legacy = ["--auth-type=legacy"];
    const login = () => seat.run(["login", ...legacy], { answers: answersOf(seat) });
    return {
      configure: (token) => writeFile(join(seat.home, ".npmrc"), npmrc(seat, token)),
      // npm 12 has no adduser: login signs up
      signUp:
        major === 12 ? login : () => seat.run(["adduser", ...legacy], { answers: answersOf(seat) }),
      login,
      logout: () => seat.run(["logout"]),
      savedToken: () => saved(join(seat.home, ".npmrc"), inNpmrc),
      whoami: () => seat.run(["whoami"]),
      ping: () => seat.run(["ping"]),
      publish: (cwd, tag = "latest") => seat.run(["publish", "--tag", tag], { cwd }),
      async add(folder, specs) {
        await project(folder);
        return seat.run(["install", ...specs], { cwd: folder });
      },
      frozen: (cwd) => seat.run(["ci"], { cwd }),
      lockfile: "package-lock.json",
      locksIntegrity: true,
      view: (spec) => seat.run(["view", spec]),
      search: (text) => seat.run(["search", text]),
      tag: {
        add: (spec, tag) => seat.run(["dist-tag", "add", spec, tag]),
        ls: (name) => seat.run(["dist-tag", "ls", name]),
        rm: (name, tag) => seat.run(["dist-tag", "rm", name, tag]),
      },
      deprecate: (spec, message) => seat.run(["deprecate", spec, message]),
      undeprecate: (spec) => seat.run(["deprecate", spec, ""]),
      warnsOfDeprecation: /deprecated \S+@\S+: gone bad/,
      viewsDeprecation: true,
      unpublish: (spec) => seat.run(["unpublish", spec]),
      unpublishAll: (name) => seat.run(["unpublish", name, "--force"]),
    };
  };
}

/** pnpm has no other log-in than in the browser where the registry has that. */
const pnpm = (seat: Seat): Client => {
  const login = async () => {
    let approved: Promise<void> | undefined;
    const ran = await seat.onTerminal(["login"], {
      heard(said) {
        const address = approvalIn(said);
        if (address !== undefined) approved ??= approve(address, seat.user);
      },
    });
    await approved;
    return ran;
  };
  return {
    configure: (token) => writeFile(join(seat.home, ".npmrc"), npmrc(seat, token)),
    signUp: login,
    login,
    logout: () => seat.run(["logout"]),
    savedToken: () => saved(join(seat.home, ".config/pnpm/auth.ini"), inNpmrc),
    whoami: () => seat.run(["whoami"]),
    ping: () => seat.run(["ping"]),
    publish: (cwd, tag = "latest") =>
      seat.run(["publish", "--no-git-checks", "--tag", tag], { cwd }),
    async add(folder, specs) {
      await project(folder);
      return seat.run(["add", ...specs], { cwd: folder });
    },
    frozen: (cwd) => seat.run(["install", "--frozen-lockfile"], { cwd }),
    lockfile: "pnpm-lock.yaml",
    locksIntegrity: true,
    view: (spec) => seat.run(["view", spec]),
    search: (text) => seat.run(["search", text]),
    tag: {
      add: (spec, tag) => seat.run(["dist-tag", "add", spec, tag]),
      ls: (name) => seat.run(["dist-tag", "ls", name]),
      rm: (name, tag) => seat.run(["dist-tag", "rm", name, tag]),
    },
    deprecate: (spec, message) => seat.run(["deprecate", spec, message]),
    undeprecate: (spec) => seat.run(["undeprecate", spec]),
    warnsOfDeprecation: /\[WARN\] deprecated/,
    viewsDeprecation: true,
    unpublish: (spec) => seat.run(["unpublish", spec]),
    unpublishAll: (name) => seat.run(["unpublish", name, "--force"]),
  };
};

/** yarn 1 keeps no token: each command that writes asks for the password and revokes its token at the end. */
const yarn1 = (seat: Seat): Client => {
  const password = [/password\W+$/i, seat.user.password] as const;
  const sameVersion = [/new version\W+$/i, ""] as const;
  const writing = (args: readonly string[]) => seat.onTerminal(args, { answers: [password] });
  const login = () =>
    seat.onTerminal(["login"], {
      answers: answersOf(seat).filter(([prompt]) => !prompt.test("password: ")),
    });
  return {
    configure: () => writeFile(join(seat.home, ".yarnrc"), `registry "${seat.url}/"\n`),
    signUp: login,
    login,
    logout: () => seat.run(["logout"]),
    publish: (cwd, tag = "latest") =>
      seat.onTerminal(["publish", "--tag", tag], { cwd, answers: [sameVersion, password] }),
    async add(folder, specs) {
      await project(folder);
      return seat.run(["add", ...specs], { cwd: folder });
    },
    frozen: (cwd) => seat.run(["install", "--frozen-lockfile"], { cwd }),
    lockfile: "yarn.lock",
    locksIntegrity: true,
    view: (spec) => seat.run(["info", spec]),
    tag: {
      add: (spec, tag) => writing(["tag", "add", spec, tag]),
      ls: (name) => seat.run(["tag", "list", name]),
      rm: (name, tag) => writing(["tag", "remove", name, tag]),
    },
    warnsOfDeprecation: /warning \S+@\S+: gone bad/,
    viewsDeprecation: true,
  };
};

const yarn4 = (seat: Seat): Client => {
  const login = () => seat.run(["npm", "login"], { answers: answersOf(seat).slice(0, 2) });
  return {
    async configure() {
      await project(seat.home, { "yarn.lock": "" }); // every command of it wants a project around
      await writeFile(
        join(seat.home, ".yarnrc.yml"),
        [
          `npmRegistryServer: "${seat.url}"`,
          'unsafeHttpWhitelist: ["127.0.0.1", "localhost"]',
          "npmPublishAccess: public", // its default for a scoped package is restricted
          "npmMinimalAgeGate: 0", // its default of one day refuses what was published just now
          "nodeLinker: node-modules",
          "enableTelemetry: false",
          "",
        ].join("\n"),
      );
    },
    signUp: login,
    login,
    logout: () => seat.run(["npm", "logout"]),
    savedToken: () => saved(join(seat.home, ".yarnrc.yml"), /npmAuthToken: "?([^"\s]+)/),
    whoami: () => seat.run(["npm", "whoami"]),
    async publish(cwd, tag = "latest") {
      await writeFile(join(cwd, "yarn.lock"), "");
      const prepared = await seat.run(["install"], { cwd });
      return prepared.code === 0 ? seat.run(["npm", "publish", "--tag", tag], { cwd }) : prepared;
    },
    async add(folder, specs) {
      await project(folder, { "yarn.lock": "" });
      return seat.run(["add", ...specs], { cwd: folder });
    },
    frozen: (cwd) => seat.run(["install", "--immutable"], { cwd }),
    lockfile: "yarn.lock",
    locksIntegrity: false,
    view: (spec) => seat.run(["npm", "info", spec, "--json"]),
    tag: {
      add: (spec, tag) => seat.run(["npm", "tag", "add", spec, tag]),
      ls: (name) => seat.run(["npm", "tag", "list", name]),
      rm: (name, tag) => seat.run(["npm", "tag", "remove", name, tag]),
    },
    viewsDeprecation: true,
  };
};

const bun = (seat: Seat): Client => ({
  configure: (token) => writeFile(join(seat.home, ".npmrc"), npmrc(seat, token)),
  whoami: () => seat.run(["pm", "whoami"], { cwd: seat.home }),
  publish: (cwd, tag = "latest") => seat.run(["publish", "--tag", tag], { cwd }),
  async add(folder, specs) {
    await project(folder);
    return seat.run(["add", ...specs], { cwd: folder });
  },
  frozen: (cwd) => seat.run(["install", "--frozen-lockfile"], { cwd }),
  lockfile: "bun.lock",
  locksIntegrity: true,
  view: (spec) => seat.run(["info", spec], { cwd: seat.home }),
  warnsOfDeprecation: /deprecated \S+@\S+: gone bad/,
  viewsDeprecation: true,
});

/** Its default of 24 h refuses what was published just now. */
const denoJson = '{ "minimumDependencyAge": "0", "nodeModulesDir": "auto" }';

const deno = (seat: Seat): Client => ({
  async configure(token) {
    await writeFile(join(seat.home, ".npmrc"), npmrc(seat, token));
    await project(seat.home, { "deno.json": denoJson });
  },
  async add(folder, specs) {
    await project(folder, { "deno.json": denoJson });
    return seat.run(["add", ...specs.map((spec) => `npm:${spec}`)], { cwd: folder });
  },
  frozen: (cwd) => seat.run(["install", "--frozen"], { cwd }),
  lockfile: "deno.lock",
  locksIntegrity: true,
  view: (spec) => seat.run(["info", `npm:${spec}`], { cwd: seat.home }),
  warnsOfDeprecation: /gone bad/,
});

export const clients: Readonly<Record<ClientId, (seat: Seat) => Client>> = {
  npm10: npm(10),
  npm11: npm(11),
  npm12: npm(12),
  pnpm,
  yarn1,
  yarn4,
  bun,
  deno,
};

/** Seats a user at a client, in a new home below `folder`. */
export async function seat(
  tools: ClientTools,
  id: ClientId,
  where: { readonly folder: string; readonly url: string },
  user: User,
  more: NodeJS.ProcessEnv = {},
): Promise<Seat & { readonly client: Client }> {
  const home = join(where.folder, `${id}-${user.name}`);
  await mkdir(home, { recursive: true });
  const [file = "", ...first] = tools[id];
  const { PATH, TMPDIR, NODE_COMPILE_CACHE } = process.env;
  const env = {
    ...{ PATH, NODE_COMPILE_CACHE },
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    HOME: home,
    NO_COLOR: "1",
    BUN_INSTALL_CACHE_DIR: join(home, ".bun-cache"),
    DENO_DIR: join(home, ".deno"),
    DENO_NO_UPDATE_CHECK: "1",
    FAKEROOTKEY: "1", // or yarn 1 takes /usr/local/share for the home of root
    YARN_GLOBAL_FOLDER: join(home, ".yarn-global"),
    npm_config_globalconfig: join(home, "no-global-npmrc"),
    ...more,
  };
  const here: Seat = {
    home,
    url: where.url,
    user,
    run: (args, { env: more, ...options } = {}) =>
      run(file, [...first, ...args], { cwd: home, env: { ...env, ...more }, ...options }),
    onTerminal: (args, { env: more, ...options } = {}) => {
      const line = [file, ...first, ...args]
        .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
        .join(" ");
      return run("script", ["-qec", line, "/dev/null"], {
        cwd: home,
        env: { ...env, TERM: "dumb", ...more },
        terminal: true,
        ...options,
      });
    },
  };
  return { ...here, client: clients[id](here) };
}
