import { CitadelError, formatSize, mask, storeUrl } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import type { Driver } from "@citadel/core/driver";
import type { Copied, CopyPlan } from "@citadel/core/store";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";

/** Exit code for a source that would not stand still: something is due. */
const due = 3;

export default class StoreCopy extends CitadelCommand {
  static override summary = "Copy a whole store to another one, of any driver";
  static override description =
    "Blobs first, documents last, each read again and compared by hash. May be interrupted at any moment and run again: what is there is checked and not copied twice. Nothing is deleted in the target, and documents of the target that the source does not know are left alone or in the way (--force).";
  static override examples = [
    "<%= config.bin %> <%= command.id %> file:./store sqlite:./store.db",
    "<%= config.bin %> <%= command.id %> file:./store s3://bucket/registry -n",
  ];
  static override args = {
    from: text({ required: true, description: "store to read: scheme:rest" }),
    to: text({ required: true, description: "store to write: scheme:rest" }),
  };
  static override flags = {
    "dry-run": boolean({ char: "n", description: "compare, copy nothing" }),
    yes: boolean({ description: "do not ask before copying" }),
    force: boolean({ description: "replace other documents of the target" }),
    "from-blobs": string({ helpValue: "<url>", description: "source of large blobs" }),
    "to-blobs": string({ helpValue: "<url>", description: "target of large blobs" }),
  };

  #opened: Driver[] = [];
  #copying: Promise<unknown> | undefined;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(StoreCopy);
    const from = this.#url(args.from);
    const to = this.#url(args.to);
    const fromBlobs = this.#url(flags["from-blobs"] ?? args.from);
    const toBlobs = this.#url(flags["to-blobs"] ?? args.to);
    if (from === to && fromBlobs === toBlobs)
      throw new CitadelError("E_USAGE", "source and target are the same store", {
        hint: ["name another target"],
      });
    const source = await this.#open(from, fromBlobs);
    const target = await this.#open(to, toBlobs);

    const [{ copyStore, planCopy }, { kinds }] = await Promise.all([
      import("@citadel/core/store"),
      import("@citadel/core/kinds"),
    ]);
    const progress = await this.progress("comparing the stores");
    const watching = { signal: this.signal, phase: progress.phase, at: progress.at };
    const plan = await this.#work(planCopy(source, target, { ...watching, kinds: kinds() }));
    progress.stop();
    await this.#refuseConflicts(plan, flags.force);
    const head = { from: mask(from), to: mask(to), dryRun: flags["dry-run"] };
    const what = `${plan.missing.keys} of ${plan.all.keys} objects, ${formatSize(plan.missing.bytes)} of ${formatSize(plan.all.bytes)}`;
    if (flags["dry-run"]) {
      this.note(`would copy ${what}; nothing was changed`);
      return { ...head, ...plan };
    }
    if (!flags.yes) await this.confirm(`Copy ${what}, to ${mask(to)}?`, "--yes");

    const bar = await this.progress("copying", { total: plan.all.bytes });
    const copied = await this.#work(
      copyStore(source, target, plan, {
        signal: this.signal,
        force: flags.force,
        phase: bar.phase,
        at: bar.at,
      }),
    );
    bar.stop();
    await this.#summary(copied, to);
    return { ...head, ...copied };
  }

  protected override async stopping(): Promise<void> {
    await this.#copying?.catch(() => {});
    await this.#close();
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    if (!this.signal.aborted) await this.#close();
    await super.finally(error);
  }

  #work<T>(work: Promise<T>): Promise<T> {
    this.#copying = work;
    return work;
  }

  #url(raw: string): string {
    const url = storeUrl.parse(raw, process.cwd());
    if (url === undefined)
      throw new CitadelError("E_USAGE", "the address of a store is not a URL", {
        hint: [`write ${storeUrl.allowed}`],
      });
    return url;
  }

  async #open(documents: string, blobs: string): Promise<Driver> {
    const driver = await this.stores(documents, blobs);
    this.#opened.push(driver);
    return driver;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((driver) => driver.close()));
  }

  async #refuseConflicts({ conflicts }: CopyPlan, force: boolean): Promise<void> {
    const hopeless = conflicts.filter(({ why }) => !force || why === "longer");
    if (hopeless.length === 0) return;
    await this.table(hopeless, [
      { name: "document", value: ({ key }) => key, importance: 0 },
      { name: "why", value: ({ why }) => why },
    ]);
    const names = hopeless.slice(0, 5).map(({ key, why }) => `${key} (${why})`);
    throw new CitadelError(
      "E_CONFLICT",
      `the target holds ${hopeless.length} other documents: ${names.join(", ")}${hopeless.length > 5 ? ", ..." : ""}`,
      {
        hint: force
          ? ["copy into another store"]
          : ["copy into an empty store", "or keep them, and replace the different ones: --force"],
      },
    );
  }

  async #summary({ copied, present, skipped, changed }: Copied, to: string): Promise<void> {
    if (skipped.keys > 0)
      this.warn(`${skipped.keys} cache entries stay behind: the target cannot let them expire`);
    this.success(
      `copied ${copied.keys} objects, ${formatSize(copied.bytes)}; ${present.keys} were there, ${formatSize(present.bytes)}`,
    );
    if (changed.length > 0) {
      process.exitCode = due;
      this.warn(`${changed.length} documents changed all the time: copy again`);
    } else this.next(`citadel verify --store ${mask(to)}`);
  }
}
