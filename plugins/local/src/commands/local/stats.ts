import { findSchemes } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import {
  formatTable,
  type Column,
  factColumns,
  facts,
  sizeText,
  type Fact,
} from "@citadel/core/terminal";
import { gatherStats, type RegistryStats } from "../../stats.ts";

const milliseconds = (ms: number): string => `${ms.toFixed(1)} ms`;

export default class LocalStats extends CitadelCommand {
  static override summary = "Show what is in the registry and how its stores are";
  static override description =
    "Counts packages, bytes and secrets by scope and asks every configured store. One that is down is shown as such; it is no failure of this command.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(LocalStats);
    const { settings } = await this.settings();
    const stats = await gatherStats(this.citadel(), settings, findSchemes(this.config), this.dirs);
    await this.table(facts(this.#facts(stats)), factColumns);
    await this.#scopes(stats);
    await this.table(stats.secrets?.scopes ?? [], [
      { name: "scope", value: ({ scope }) => scope, importance: 0 },
      { name: "secrets", value: (row) => row.secrets, align: "right", importance: 0 },
      { name: "expired", value: (row) => row.expired, align: "right", importance: 0 },
    ]);
    this.#backends(stats);
    this.#cache(stats);
    if (stats.packages?.current === false)
      this.warn("the store cannot be read: the packages are those of the last time");
    return stats;
  }

  #facts({ packages, secrets, compression, encryption, responses }: RegistryStats): Fact[] {
    const size = (bytes: number): string => sizeText(this.terminal, bytes);
    const { averageMs } = responses;
    return [
      ["packages", packages?.total ?? "unknown"],
      ["versions", packages?.versions],
      ["size", packages ? size(packages.bytes) : undefined],
      ["stored", packages ? size(packages.storedBytes) : undefined],
      ["compression ratio", packages?.compressionRatio],
      ["secrets", secrets?.total],
      ["expired secrets", secrets?.expired],
      ["compression", compression.enabled ? compression.algorithm : "off"],
      ["encryption", encryption.enabled ? "on" : "off"],
      ["average response", averageMs === null ? undefined : `${averageMs} ms`],
    ];
  }

  async #scopes({ packages }: RegistryStats): Promise<void> {
    await this.table(packages?.scopes ?? [], [
      { name: "scope", value: ({ scope }) => (scope === "" ? "-" : `@${scope}`), importance: 0 },
      { name: "packages", value: (row) => row.packages, align: "right", importance: 0 },
      { name: "size", value: ({ bytes }) => sizeText(this.terminal, bytes), align: "right" },
    ]);
  }

  /** The row of a store that is down is red, and says so in words. */
  #backends({ backends }: RegistryStats): void {
    this.#coloured(backends, ({ ok }) => ok, [
      { name: "store", value: ({ role }) => role, importance: 0 },
      { name: "state", value: ({ ok }) => (ok ? "up" : "down"), importance: 0 },
      {
        name: "latency",
        value: ({ latencyMs }) => (latencyMs === undefined ? "" : milliseconds(latencyMs)),
        align: "right",
      },
      { name: "address", value: ({ url }) => url, importance: 2 },
      { name: "error", value: ({ error }) => error, importance: 3 },
    ]);
  }

  /** A tier that is down costs nothing but what it would have saved. */
  #cache({ cache }: RegistryStats): void {
    const known = (value: number | undefined, text: (value: number) => string) =>
      value === undefined ? "" : text(value);
    this.#coloured(cache, ({ state }) => state === "up", [
      { name: "cache", value: ({ tier }) => tier, importance: 0 },
      { name: "state", value: ({ state }) => state, importance: 0 },
      { name: "latency", value: (row) => known(row.latencyMs, milliseconds), align: "right" },
      { name: "entries", value: (row) => known(row.entries, String), align: "right" },
      {
        name: "size",
        value: (row) => known(row.bytes, (bytes) => sizeText(this.terminal, bytes)),
        align: "right",
      },
      {
        name: "hits",
        value: ({ hitRate }) => (hitRate === null ? "" : `${(hitRate * 100).toFixed(1)} %`),
        align: "right",
      },
      { name: "evicted", value: ({ evictions }) => evictions, align: "right" },
      { name: "address", value: ({ url }) => url, importance: 2 },
      { name: "error", value: ({ error }) => error, importance: 3 },
    ]);
  }

  #coloured<Row>(
    rows: readonly Row[],
    good: (row: Row) => boolean,
    columns: readonly Column<Row>[],
  ): void {
    const { palette, tty, width } = this.terminal.out;
    const { unicode } = this.terminal;
    const lines = formatTable(rows, columns, { width: tty ? width : undefined, palette, unicode });
    const header = lines.length - rows.length;
    for (const [at, line] of lines.entries()) {
      const row = rows[at - header];
      this.out(row !== undefined && !good(row) ? palette.bad(line) : line);
    }
  }
}
