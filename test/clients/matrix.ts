/** One table of what was tried: cases down, clients across. A case that a client has no command for stays empty. */
export function matrix(clients: readonly string[]) {
  const rows = new Map<string, Map<string, "ok" | "FAILED">>();
  return {
    note(client: string, what: string, result: "ok" | "FAILED"): void {
      const row = rows.get(what) ?? new Map<string, "ok" | "FAILED">();
      rows.set(what, row.set(client, result));
    },
    table(): string {
      const wide = Math.max(...[...rows.keys()].map((what) => what.length), 4);
      const line = (first: string, cells: readonly string[]) =>
        `| ${first.padEnd(wide)} | ${cells.map((cell) => cell.padEnd(6)).join(" | ")} |`;
      const all = [...rows.values()].flatMap((row) => [...row.values()]);
      return [
        line("case", clients),
        line(
          "-".repeat(wide),
          clients.map(() => "-".repeat(6)),
        ),
        ...[...rows].map(([what, row]) =>
          line(
            what,
            clients.map((client) => row.get(client) ?? ""),
          ),
        ),
        `${all.filter((cell) => cell === "ok").length} of ${all.length} cells ok`,
      ].join("\n");
    },
  };
}
