import { formatSize, type Citadel } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import type { Driver } from "@citadel/core/driver";
import { isPattern } from "@citadel/core/patterns";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import type { Done, Place, Row } from "./exchange.ts";
import type { Conflict, Taken } from "./merge/merge.ts";
import type { Remote } from "./remote.ts";

/** Exit code for something that is left to do. */
export const due = 3;
/** Exit code for something that somebody must decide. */
const conflict = 5;

export interface RemoteFlags {
  readonly remote?: string | undefined;
  readonly "remote-blobs"?: string | undefined;
}

interface ExchangeOptions {
  readonly names: readonly string[];
  readonly take: (name: string) => Taken | undefined;
  readonly dryRun: boolean;
  readonly flags: RemoteFlags;
}

/** Names of packages; oclif takes a class's arguments only from itself. */
export const nameArgs = {
  names: text({ description: "packages: names or beginnings such as @acme/*" }),
};

/** What commands between this registry and a remote store share. */
export abstract class SyncCommand extends CitadelCommand {
  static override baseFlags = {
    ...CitadelCommand.baseFlags,
    remote: string({ helpValue: "<url>", description: "the store that machines share" }),
    "remote-blobs": string({ helpValue: "<url>", description: "its large blobs, if elsewhere" }),
  };

  #remote: Remote | undefined;
  #work: Promise<unknown> | undefined;

  protected async remote(flags: RemoteFlags): Promise<Remote> {
    const { openRemote } = await import("./remote.ts");
    const given = { remote: flags.remote, blobs: flags["remote-blobs"] };
    this.#remote = await openRemote(await this.settings(), given, (...urls) =>
      this.stores(...urls),
    );
    return this.#remote;
  }

  /** Work that ends in order before what it uses is closed. */
  protected working<T>(work: Promise<T>): Promise<T> {
    this.#work = work;
    return work;
  }

  protected override async stopping(): Promise<void> {
    await this.#work?.catch(() => {});
    await this.#remote?.driver.close();
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    if (!this.signal.aborted) await this.#remote?.driver.close();
    await super.finally(error);
  }

  protected async compare(
    names: readonly string[],
    flags: RemoteFlags,
  ): Promise<{ items: Row[]; remote: string }> {
    const { standings } = await import("./exchange.ts");
    const citadel = await this.citadel();
    const { driver, url } = await this.remote(flags);
    const progress = await this.progress(`comparing with ${url}`, { unit: "names" });
    const place = placeOf(citadel, driver);
    const watching = { names, signal: this.signal, seen: progress.at };
    const items = await this.working(standings(place, watching));
    progress.stop();
    return { items, remote: url };
  }

  /** One way, with its table and what is left to do; resolves with what `--json` shows. */
  protected async exchange(
    way: "upload" | "download",
    { names, take, dryRun, flags }: ExchangeOptions,
  ): Promise<object> {
    if (dryRun) {
      const { items, remote } = await this.compare(names, flags);
      await this.rows(items.filter(({ standing }) => standing !== "same"));
      this.note("nothing was changed");
      return { remote, dryRun, items };
    }
    const [exchange, { shareKeys }] = await Promise.all([import("./exchange.ts"), import("./remote.ts")]); // prettier-ignore
    const citadel = await this.citadel();
    const remote = await this.remote(flags);
    const progress = await this.progress(`${way}ing`);
    let bytes = 0;
    const work = async (): Promise<Done[]> => {
      await shareKeys(citadel, remote, "down");
      if (way === "upload") await shareKeys(citadel, remote, "up");
      const moved = (more: number): void => progress.at((bytes += more));
      const options = { names, take, signal: this.signal, moved };
      return exchange[way](placeOf(citadel, remote.driver), options);
    };
    const items = await this.working(work());
    progress.stop();
    const changed = items.filter(({ done }) => done !== "nothing");
    await this.rows(items.filter(({ done, standing }) => done !== "nothing" || standing === "conflict" || standing === "busy")); // prettier-ignore
    this.success(`${way}ed ${changed.length} of ${items.length} names, ${formatSize(bytes)}`);
    this.left(items, `citadel sync:${way}`);
    return { remote: remote.url, dryRun, bytes, items };
  }

  /** The rows that differ, as a table. */
  protected async rows(rows: readonly (Row | Done)[]): Promise<void> {
    await this.table(rows, [
      { name: "name", value: ({ name }) => name, importance: 0 },
      {
        name: "state",
        value: (row) => ("done" in row && row.done !== "nothing" ? row.done : row.standing),
        importance: 0,
      },
      { name: "ahead", value: ({ ahead }) => ahead, align: "right" },
      { name: "behind", value: ({ behind }) => behind, align: "right" },
      { name: "conflicts", value: ({ conflicts }) => conflicts.map(textOf).join("; "), importance: 2 }, // prettier-ignore
    ]);
  }

  /** Says what is left, and how it goes on. */
  protected left(rows: readonly (Row | Done)[], again: string): void {
    const open = rows.filter(({ standing }) => standing === "conflict");
    const busy = rows.filter(({ standing }) => standing === "busy");
    if (busy.length > 0) {
      process.exitCode = due;
      this.warn(`${busy.length} packages are in a batch publish that has not ended: sync again`);
    }
    const [first] = open;
    if (!first) return;
    process.exitCode = conflict;
    this.warn(
      `${open.length} in conflict, unchanged on both sides: ${open.map(({ name }) => name).join(", ")}`,
    );
    this.next(`${again} --take ${first.name}=ours, or =theirs`);
  }
}

const placeOf = ({ store, settings }: Citadel, there: Driver): Place => ({
  here: store.driver,
  there,
  grace: settings.store.grace,
});

const textOf = ({ what, ours, theirs }: Conflict): string =>
  `${what}: ${short(ours)} here, ${short(theirs)} there`;

const short = (value: string): string =>
  value === "" ? "none" : value.replace(/^(sha512-.{8}).{20,}$/, "$1…");

/** `name=ours` of each `--take`. @throws E_USAGE */
export function takenOf(flags: readonly string[]): (name: string) => Taken | undefined {
  const sides = new Map<string, Taken>();
  for (const flag of flags) {
    const [, name = "", side] = /^(.+)=(ours|theirs)$/.exec(flag) ?? [];
    if (side !== "ours" && side !== "theirs")
      throw new CitadelError("E_USAGE", `--take ${flag.slice(0, 200)} does not say who is right`, {
        hint: ["write --take <package>=ours or --take <package>=theirs"],
      });
    sides.set(name, side);
  }
  return (name) => sides.get(name) ?? sides.get("*");
}

/** @throws E_USAGE */
export function checkNames(names: readonly unknown[]): readonly string[] {
  return names.map((name) => {
    if (isPattern(name)) return name;
    const shown = JSON.stringify(String(name).slice(0, 200));
    throw new CitadelError("E_USAGE", `${shown} is no name of a package`, {
      hint: ["write a name, or a beginning such as @acme/*"],
    });
  });
}
