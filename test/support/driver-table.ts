import type { Reporter, TestCase, TestModule } from "vitest/node";

type Outcome = "pass" | "FAIL" | "skip";

/** Prints the conformance suite as one table: a row a case, a column a driver; each skip with its reason below. */
export default class DriverTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const drivers: string[] = [];
    const rows = new Map<string, Map<string, Outcome>>();
    const skips = new Map<string, Map<string, string>>();
    const failures: string[] = [];
    for (const module of modules)
      for (const one of module.children.allTests()) {
        const outcome = outcomeOf(one);
        if (outcome === "FAIL") failures.push(`${module.relativeModuleId}: ${one.name}`);
        const [, driver, title] = /^([^:]+): (\w+: .+)$/.exec(one.name) ?? [];
        if (driver === undefined || title === undefined || !groups.has(title.split(":")[0] ?? ""))
          continue;
        if (!drivers.includes(driver)) drivers.push(driver);
        const row = rows.get(title) ?? new Map<string, Outcome>();
        rows.set(title, row.set(driver, outcome));
        const result = one.result();
        if (result.state !== "skipped") continue;
        const mine = skips.get(driver) ?? new Map<string, string>();
        skips.set(driver, mine.set(title, result.note ?? "its server is not installed"));
      }
    const width = Math.max(...[...rows.keys()].map((title) => title.length));
    const lines = [`${"case".padEnd(width)}  ${drivers.join("  ")}`];
    for (const [title, row] of rows) {
      const cells = drivers.map((driver) => (row.get(driver) ?? "-").padEnd(driver.length));
      lines.push(`${title.padEnd(width)}  ${cells.join("  ")}`);
    }
    const total = [...rows.values()].flatMap((row) => [...row.values()]);
    const count = (outcome: Outcome) => total.filter((one) => one === outcome).length;
    lines.push("", `${count("pass")} passed, ${count("FAIL")} failed, ${count("skip")} skipped`);
    lines.push(
      ...[...skips].flatMap(([driver, mine]) => {
        const reasons = new Set(mine.values());
        return mine.size === rows.size && reasons.size === 1
          ? [`  skipped ${driver}: everything: ${[...reasons].join()}`]
          : [...mine].map(([title, reason]) => `  skipped ${driver}: ${title}: ${reason}`);
      }),
      ...failures.map((one) => `  FAILED ${one}`),
    );
    process.stdout.write(`${lines.join("\n")}\n`);
  }
}

/** Groups of the suite; other tests of a driver have names of their own. */
const groups: ReadonlySet<string> = new Set([
  "keys",
  "conditions",
  "outcomes",
  "lists",
  "streams",
  "blobs",
  "ttl",
  "lifecycle",
  "watch",
  "buffers",
  "abort",
]);

function outcomeOf(one: TestCase): Outcome {
  const { state } = one.result();
  return state === "passed" ? "pass" : state === "skipped" ? "skip" : "FAIL";
}
