import { moment } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { integer, string } from "@oclif/core/flags";
import { downloadsHere, downloadsThere } from "../../downloads.ts";
import { thereFlags, thereOf } from "../../there.ts";

export default class RegistryDownloads extends CitadelCommand {
  static override summary = "Show who fetched a package, download by download";
  static override description =
    "Time, version, a hash of the address and what the client calls itself, newest first. A running server writes them every ten seconds. Another registry tells owners and administrators.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui --since 24h",
    "<%= config.bin %> <%= command.id %> @acme/ui --version 1.2.0 --json",
  ];
  static override args = { package: text({ required: true, description: "name of a package" }) };
  static override flags = {
    version: string({ description: "only this version" }),
    since: string({ helpValue: "<7d|date>", default: "7d", description: "not what is older" }),
    limit: integer({ min: 1, max: 1000, default: 100, description: "downloads at most" }),
    from: integer({ min: 0, max: 10_000, default: 0, description: "downloads to pass over" }),
    ...thereFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryDownloads);
    const { version, limit, from } = flags;
    const since = moment(flags.since, "--since");
    const wanted = { name: args.package, version, since, limit, offset: from };
    const there = await thereOf(flags, this.signal);
    const found = there
      ? await downloadsThere(there, wanted)
      : await downloadsHere(await this.citadel(), wanted);
    await this.table(found.items, [
      { name: "time", value: ({ at }) => at, importance: 0 },
      { name: "version", value: (row) => row.version, importance: 0 },
      { name: "client", value: ({ client }) => client, importance: 2 },
      { name: "agent", value: ({ agent }) => agent, importance: 1 },
    ]);
    if (found.items.length === 0) this.note("no downloads");
    if (found.items.length === limit) this.next(`there may be more: --from ${from + limit}`);
    if (found.dropped > 0) this.note(`${found.dropped} downloads of all packages have no record`);
    return found;
  }
}
