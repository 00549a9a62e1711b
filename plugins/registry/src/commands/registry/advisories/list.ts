import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { integer, string } from "@oclif/core/flags";

export default class RegistryAdvisoriesList extends CitadelCommand {
  static override summary = "List what is known against packages";
  static override examples = [
    "<%= config.bin %> <%= command.id %> lodash",
    "<%= config.bin %> <%= command.id %> --limit 20 --json",
  ];
  static override args = {
    package: text({ description: "only what is about this package" }),
  };
  static override flags = {
    limit: integer({ min: 1, max: 100_000, default: 100, description: "most advisories to show" }),
    after: string({ helpValue: "<next>", description: "where the page before ended" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryAdvisoriesList);
    const advisories = await (await this.citadel()).advisories();
    const [{ total, packages, changed }, page] = await Promise.all([
      advisories.summary(),
      advisories.list({
        limit: flags.limit,
        ...(args.package === undefined ? {} : { name: args.package }),
        ...(flags.after === undefined ? {} : { after: flags.after }),
      }),
    ]);
    await this.table(page.items, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "id", value: ({ osv }) => osv, importance: 0 },
      { name: "severity", value: ({ severity }) => severity },
      { name: "versions", value: ({ vulnerable }) => vulnerable, importance: 2 },
      { name: "title", value: ({ title }) => title, importance: 3 },
    ]);
    const when = changed === undefined ? undefined : new Date(changed).toISOString();
    if (when === undefined) this.next("citadel registry:advisories:import <folder>");
    else this.note(`${total} advisories about ${packages} packages, as of ${when}`);
    if (page.next !== undefined) this.next(`--after '${page.next}'`);
    return { ...page, total, packages, ...(when === undefined ? {} : { changed: when }) };
  }
}
