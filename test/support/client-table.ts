import type { Reporter, TestCase, TestModule } from "vitest/node";

const clients = ["npm10", "npm11", "npm12", "pnpm", "yarn1", "yarn4", "bun", "deno"] as const;
type Client = (typeof clients)[number];
const named = new RegExp(`\\b(${clients.join("|")})\\b`);

/**
 * Prints what real clients did as one table: a row a case, a column a client. What a client has no command for stays empty; nothing
 * is printed where no client ran.
 */
export default class ClientTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = new Map<string, Map<Client, "ok" | "FAILED">>();
    const driving = modules
      .filter(({ relativeModuleId: id }) => id.startsWith("test/clients/"))
      .toSorted((one, other) => placeOf(one) - placeOf(other));
    for (const module of driving) {
      for (const one of module.children.allTests()) {
        const { state } = one.result();
        const client = clientOf(one);
        if (!client || state === "skipped" || state === "pending") continue;
        const title = titleOf(one);
        const row = rows.get(title) ?? new Map<Client, "ok" | "FAILED">();
        rows.set(title, row.set(client, state === "passed" ? "ok" : "FAILED"));
      }
    }
    if (rows.size > 0) process.stdout.write(`\n${table(rows)}\n`);
  }
}

/** The everyday commands first. */
const order = ["foundation", "commands", "accounts", "access"];
const placeOf = ({ relativeModuleId: id }: TestModule): number => {
  const place = order.findIndex((name) => id.endsWith(`/${name}.test.ts`));
  return place < 0 ? order.length : place;
};

const clientOf = ({ fullName }: TestCase): Client | undefined =>
  named.exec(fullName)?.[1] as Client | undefined;

/** Feature rows and the client stand in the names of tests; a case is what is left. */
const titleOf = ({ fullName }: TestCase): string =>
  fullName
    .replaceAll(new RegExp(named, "g"), "")
    .replaceAll(/\b[A-H]\d{1,2}\b:?/g, "")
    .split(" > ")
    .map((part) => part.replaceAll(/^[\s:,]+|\s+(?=\s)|[\s:]+$/g, ""))
    .filter(Boolean)
    .join(": ");

function table(rows: ReadonlyMap<string, ReadonlyMap<Client, string>>): string {
  const shown = clients.filter((client) => [...rows.values()].some((row) => row.has(client)));
  const width = Math.max(...Array.from(rows.keys(), (title) => title.length));
  const line = (first: string, cells: readonly string[]): string =>
    `| ${first.padEnd(width)} | ${cells.map((cell) => cell.padEnd(6)).join(" | ")} |`;
  const cells = [...rows.values()].flatMap((row) => [...row.values()]);
  const passed = shown.map((client) => {
    const own = [...rows.values()].flatMap((row) => row.get(client) ?? []);
    return `${own.filter((cell) => cell === "ok").length}/${own.length}`;
  });
  return [
    line("case", shown),
    line(
      "-".repeat(width),
      shown.map(() => "-".repeat(6)),
    ),
    ...Array.from(rows, ([title, row]) =>
      line(
        title,
        shown.map((client) => row.get(client) ?? ""),
      ),
    ),
    line("passed", passed),
    `${cells.filter((cell) => cell === "ok").length} of ${cells.length} cells ok`,
  ].join("\n");
}
