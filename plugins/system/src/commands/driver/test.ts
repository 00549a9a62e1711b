import { pathToFileURL } from "node:url";
import { CitadelError, findSchemes, formatDuration, formatSize, mask, parseDuration } from "@citadel/core"; // prettier-ignore
import { CitadelCommand } from "@citadel/core/command";
import type { DriverFactory } from "@citadel/core/driver";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import type { DriverReport } from "../../driver-test.ts";

/** Exit code for a broken promise: integrity. */
const broken = 6;

export default class DriverTest extends CitadelCommand {
  static override summary = "Check that a store keeps its driver's promises";
  static override description =
    "Runs the conformance suite, a race of four processes and a few measurements inside of the store, below driver-test/. Nothing else in it is touched, and everything is removed at the end, also after Ctrl-C. Exit code 6 when a promise is broken.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> file:/var/lib/citadel/store",
    "<%= config.bin %> <%= command.id %> s3://bucket/prefix --race 1min",
  ];
  static override args = {
    url: text({ required: true, description: "the store: scheme:rest" }),
  };
  static override flags = {
    race: string({ default: "10s", helpValue: "<time>", description: "how long to race; 0 for not at all" }), // prettier-ignore
  };

  #testing: Promise<unknown> | undefined;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DriverTest);
    const race = parseDuration(flags.race);
    if (race === undefined)
      throw new CitadelError("E_USAGE", `--race is not a time: ${flags.race}`, {
        hint: ["write it as 10s or 1min"],
      });
    const { openDriver } = await import("@citadel/core/driver");
    const schemes = findSchemes(this.config);
    // says what is wrong with the address or the store before anything begins
    await (await openDriver(args.url, schemes)).close();
    const url = new URL(args.url);
    const module = schemes.get(url.protocol.slice(0, -1)) as string;
    const { default: factory } = (await import(pathToFileURL(module).href)) as {
      default: DriverFactory;
    };

    const { testDriver } = await import("../../driver-test.ts");
    const progress = await this.progress("opening the store", { unit: "cases" });
    const testing = testDriver({
      make: () => factory(url),
      module,
      url: url.href,
      race,
      signal: this.signal,
      phase: progress.phase,
      at: progress.at,
    });
    this.#testing = testing;
    const report = await testing;
    progress.stop();
    await this.#print(report);
    if (!report.sound) process.exitCode = broken;
    return { url: mask(url.href), ...report };
  }

  protected override async stopping(): Promise<void> {
    this.note("removing what the tests made");
    await this.#testing?.catch(() => {});
  }

  async #print({ driver, cases, capabilities, race, speed, sound }: DriverReport): Promise<void> {
    const groups = [...Map.groupBy(cases, ({ group }) => group)].map(([group, all]) => {
      const of = (outcome: string) => all.filter((one) => one.outcome === outcome);
      const why = new Set(of("skipped").map(({ reason }) => reason));
      return { group, passed: of("passed"), skipped: of("skipped"), failed: of("failed"), why };
    });
    await this.table(groups, [
      { name: driver, value: ({ group }) => group, importance: 0 },
      { name: "passed", value: ({ passed }) => passed.length, align: "right", importance: 0 },
      { name: "skipped", value: ({ skipped }) => skipped.length, align: "right", importance: 0 },
      { name: "failed", value: ({ failed }) => failed.length, align: "right", importance: 0 },
      { name: "skipped because of", value: ({ why }) => [...why].join("; ") },
    ]);
    this.#gap();
    await this.table(Object.entries(capabilities), [
      { name: "capability", value: ([name]) => name, importance: 0 },
      { name: "found", value: ([, value]) => String(value) },
    ]);
    this.#gap();
    await this.table(speed, [
      { name: "operation", value: ({ operation }) => operation, importance: 0 },
      { name: "p50 ms", value: ({ p50 }) => p50, align: "right" },
      { name: "p99 ms", value: ({ p99 }) => p99, align: "right" },
      {
        name: "per second",
        value: ({ bytesPerSecond: rate, p50 }) =>
          rate === undefined ? Math.round(1000 / Math.max(p50, 0.001)) : formatSize(rate),
        align: "right",
      },
    ]);

    const failed = cases.filter(({ outcome }) => outcome === "failed");
    for (const { group, name, reason } of failed) this.warn(`${group}: ${name}: ${reason}`);
    if ("skipped" in race) this.note(`no race: ${race.skipped}`);
    else {
      for (const problem of race.problems.slice(0, 5)) this.warn(`race: ${problem}`);
      const { racers, kind, ms, done, refused, unknown } = race;
      this.note(
        `race of ${racers} ${kind}, ${formatDuration(ms)}: ${done} writes done, ${refused} refused, ${unknown} without an answer`,
      );
    }
    if (sound) this.success(`${driver} keeps every promise that it makes`);
    else this.warn(`${driver} breaks promises: do not keep a registry in this store`);
  }

  /** Apart from each other for people, not for programs. */
  #gap(): void {
    if (this.terminal.out.tty) this.out("");
  }
}
