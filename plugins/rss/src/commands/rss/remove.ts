import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";

export default class RssRemove extends CitadelCommand {
  static override summary = "End a subscription";
  static override description =
    "By address, title or the beginning of a title. What was kept of the feed goes with it.";
  static override examples = ["<%= config.bin %> <%= command.id %> https://example.org/feed.xml"];
  static override args = { feed: text({ required: true, description: "address or title" }) };

  async run(): Promise<{ readonly url: string }> {
    const { args } = await this.parse(RssRemove);
    const { openReader } = await import("../../reader.ts");
    const reader = openReader(await this.citadel(), commandLine);
    try {
      const { url } = await reader.find(args.feed);
      await reader.remove(url);
      this.success(`${url} is no longer subscribed`);
      return { url };
    } finally {
      await reader.close();
    }
  }
}
