import type { Ran } from "../support/run.ts";
import type { ClientId, Seat } from "./client.ts";

type Command = (...words: readonly string[]) => Promise<Ran>;

/** Owners, organisations, teams, visibility and stars in a client's own commands. What it has no command for is absent. */
export interface AccessCommands {
  /** in the folder of a package */
  publishRestricted(folder: string): Promise<Ran>;
  view: Command;
  owner: {
    ls: Command;
    add(name: string, user: string): Promise<Ran>;
    rm(name: string, user: string): Promise<Ran>;
  };
  org?: { set: Command; rm: Command; ls: Command };
  /** `<org>` and `<org>:<team>`, without `@` */
  team: { create: Command; destroy: Command; add: Command; rm: Command; ls: Command };
  access: {
    grant(right: "read-only" | "read-write", team: string, name: string): Promise<Ran>;
    revoke(team: string, name: string): Promise<Ran>;
    packages(of?: string): Promise<Ran>;
    collaborators(name: string): Promise<Ran>;
    status(name: string): Promise<Ran>;
    setStatus(status: "public" | "restricted", name: string): Promise<Ran>;
    setMfa(mfa: string, name: string): Promise<Ran>;
  };
  stars?: { star: Command; unstar: Command; ls: Command };
}

const on =
  (seat: Seat, ...first: readonly string[]): Command =>
  (...words) =>
    seat.run([...first, ...words]);

const npm =
  (stars: boolean) =>
  (seat: Seat): AccessCommands => {
    const owner = (verb: string) => (name: string, user: string) =>
      seat.run(["owner", verb, user, name]);
    return {
      publishRestricted: (cwd) => seat.run(["publish", "--access", "restricted"], { cwd }),
      view: on(seat, "view"),
      owner: { ls: on(seat, "owner", "ls"), add: owner("add"), rm: owner("rm") },
      org: { set: on(seat, "org", "set"), rm: on(seat, "org", "rm"), ls: on(seat, "org", "ls") },
      team: {
        create: on(seat, "team", "create"),
        destroy: on(seat, "team", "destroy"),
        add: on(seat, "team", "add"),
        rm: on(seat, "team", "rm"),
        ls: on(seat, "team", "ls"),
      },
      access: {
        grant: on(seat, "access", "grant"),
        revoke: on(seat, "access", "revoke"),
        packages: (of) =>
          seat.run(["access", "list", "packages", ...(of === undefined ? [] : [of])]),
        collaborators: on(seat, "access", "list", "collaborators"),
        status: on(seat, "access", "get", "status"),
        setStatus: (status, name) =>
          seat.run([
            "access",
            "set",
            `status=${status === "restricted" ? "private" : status}`,
            name,
          ]),
        setMfa: (mfa, name) => seat.run(["access", "set", `mfa=${mfa}`, name]),
      },
      ...(stars && {
        stars: { star: on(seat, "star"), unstar: on(seat, "unstar"), ls: on(seat, "stars") },
      }),
    };
  };

/** It writes `@` before organisations and teams. */
const pnpm = (seat: Seat): AccessCommands => {
  const at = (name: string) => `@${name}`;
  const team =
    (verb: string): Command =>
    (name = "", ...more) =>
      seat.run(["team", verb, at(name), ...more]);
  return {
    publishRestricted: (cwd) =>
      seat.run(["publish", "--no-git-checks", "--access", "restricted"], { cwd }),
    view: on(seat, "view"),
    owner: {
      ls: on(seat, "owner", "ls"),
      add: on(seat, "owner", "add"),
      rm: on(seat, "owner", "rm"),
    },
    team: {
      create: team("create"),
      destroy: team("destroy"),
      add: team("add"),
      rm: team("rm"),
      ls: team("ls"),
    },
    access: {
      grant: (right, of, name) => seat.run(["access", "grant", right, at(of), name]),
      revoke: (of, name) => seat.run(["access", "revoke", at(of), name]),
      packages: (of) =>
        seat.run(["access", "list", "packages", ...(of === undefined ? [] : [at(of)])]),
      collaborators: on(seat, "access", "list", "collaborators"),
      status: on(seat, "access", "get", "status"),
      setStatus: (status, name) => seat.run(["access", "set", `status=${status}`, name]),
      setMfa: (mfa, name) => seat.run(["access", "set", `mfa=${mfa}`, name]),
    },
    stars: { star: on(seat, "star"), unstar: on(seat, "unstar"), ls: on(seat, "stars") },
  };
};

/** Clients that have such commands. */
export const accessClients = {
  npm10: npm(true),
  npm11: npm(true),
  npm12: npm(false),
  pnpm,
} as const satisfies Partial<Record<ClientId, (seat: Seat) => AccessCommands>>;
