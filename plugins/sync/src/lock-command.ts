import { CitadelCommand } from "@citadel/core/command";
import type { Failure, FetchedAll, FetchOptions } from "./fetch.ts";
import type { Lockfile, Skipped } from "./lockfile/locked.ts";

/** What commands about a lockfile share. */
export abstract class LockCommand extends CitadelCommand {
  #work: Promise<unknown> | undefined;

  /** Reads the lockfile and fetches what it names, with a bar. */
  protected async fetched(
    path: string,
    options: Pick<FetchOptions, "concurrency" | "forms">,
  ): Promise<{ readonly lockfile: Lockfile; readonly all: FetchedAll }> {
    const [{ readLockfile }, { fetchLocked }, { commandLine }] = await Promise.all([
      import("./lockfile/read.ts"),
      import("./fetch.ts"),
      import("@citadel/core/access"),
    ]);
    const lockfile = await readLockfile(path);
    const citadel = await this.citadel();
    const total = lockfile.locked.length;
    const progress = await this.progress(`fetching ${total} tarballs`, { total, unit: "tarballs" });
    const watching = { ...options, signal: this.signal, seen: progress.at };
    const all = await this.working(fetchLocked(citadel, commandLine, lockfile.locked, watching));
    progress.stop();
    return { lockfile, all };
  }

  /** Work that ends in order before what it uses is closed. */
  protected working<T>(work: Promise<T>): Promise<T> {
    this.#work = work;
    return work;
  }

  protected override async stopping(): Promise<void> {
    await this.#work?.catch(() => {});
  }

  /** What did not come, as a table; what is not a registry's business, and what an install may do without, as notes. */
  protected async shown(
    failed: readonly Failure[],
    missing: readonly Failure[],
    skipped: readonly Skipped[],
  ): Promise<void> {
    await this.table(failed, [
      { name: "package", value: ({ name, version }) => `${name}@${version}`, importance: 0 },
      { name: "code", value: ({ code }) => code },
      { name: "why", value: ({ message }) => message, importance: 2 },
    ]);
    for (const { what, why } of skipped) this.note(`left out: ${what}, ${why}`);
    for (const { name, version } of missing)
      this.note(`left out: ${name}@${version}, optional, and nobody has it`);
  }
}
