/** One table of what was tried: cases down, stores across. */
export function matrix(stores: readonly string[]) {
  const rows = new Map<string, Map<string, "ok" | "FAILED">>();
  return {
    note(store: string, what: string, result: "ok" | "FAILED"): void {
      const row = rows.get(what) ?? new Map<string, "ok" | "FAILED">();
      rows.set(what, row.set(store, result));
    },
    table(): string {
      const wide = Math.max(...[...rows.keys()].map((what) => what.length), 4);
      const line = (first: string, cells: readonly string[]) =>
        `| ${first.padEnd(wide)} | ${cells.map((cell) => cell.padEnd(6)).join(" | ")} |`;
      const all = [...rows.values()].flatMap((row) => [...row.values()]);
      return [
        line("case", stores),
        line(
          "-".repeat(wide),
          stores.map(() => "-".repeat(6)),
        ),
        ...[...rows].map(([what, row]) =>
          line(
            what,
            stores.map((store) => row.get(store) ?? ""),
          ),
        ),
        `${all.filter((cell) => cell === "ok").length} of ${all.length} cells ok`,
      ].join("\n");
    },
  };
}
