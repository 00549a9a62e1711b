import { CitadelCommand } from "@citadel/core/command";
import { factColumns, facts, sizeText } from "@citadel/core/terminal";
import { describeRegistry } from "../../info.ts";

export default class RegistryInfo extends CitadelCommand {
  static override summary = "Show what this registry is";
  static override description =
    "Where it keeps things, where it listens, how fresh answers are, and how many packages, versions and users there are.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(RegistryInfo);
    const info = await describeRegistry(await this.citadel());
    const { store, server } = info;
    const { boundMs } = store.freshness;
    await this.table(
      facts([
        ["documents", store.documents],
        ["blobs", store.blobs],
        ["compression", store.compression],
        ["freshness", boundMs === 0 ? "strict" : `at most ${boundMs} ms old`],
        ["listens on", server.host.join(", ")],
        ["port", server.port],
        ["public address", server.publicUrl ?? "as requested"],
        ["host names", server.hosts.join(", ")],
        ["trusted proxies", server.trustProxy.join(", ")],
        ["sign-up", server.signup],
        ["workers", server.workers],
        ["packages", info.packages],
        ["versions", info.versions],
        ["content", sizeText(this.terminal, info.bytes)],
        ["users", info.users],
      ]),
      factColumns,
    );
    if (!info.current)
      this.warn("the store cannot be read: the packages are those of the last time");
    return info;
  }
}
