import { SecretsCommand } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import { openReplica, replicaUrls } from "../../replicas.ts";

export default class SecretsSync extends SecretsCommand {
  static override summary = "Bring the vault of this store and of another to the same state";
  static override description =
    "Whoever is behind gets what the other has. What was set here while the other went on is set there again; where both set the same secret, the later value is kept there as a pending version. A history that was rolled back, or that parts because somebody else wrote here, is refused with 6.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> s3://bucket/vault",
    "<%= config.bin %> <%= command.id %> --status",
    "<%= config.bin %> <%= command.id %> --accept-fork",
  ];
  static override args = {
    store: text({
      ignoreStdin: true,
      description: "URL of the other store; secrets.replicas by default",
    }),
  };
  static override flags = {
    status: boolean({
      description: "only tell how far they are apart; exits with 3 when they are",
    }),
    "accept-fork": boolean({
      description: "give up what this machine has seen where the histories part; administrators",
    }),
    yes: boolean({ description: "do not ask" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsSync);
    const vault = await this.vault(flags);
    const acceptFork = flags["accept-fork"];
    if (acceptFork && !flags.yes)
      await this.confirm("Give up the history that this machine has seen?", "--yes");
    const given = acceptFork ? (await vault.acceptFork()).given : undefined;
    if (given !== undefined) this.success(`gave up ${given}`);
    const items = [];
    const loaded = await this.settings();
    for (const url of replicaUrls(loaded, args.store, acceptFork)) {
      const replica = await openReplica(url, await this.stores(url));
      try {
        items.push(await vault.sync(replica, { dryRun: flags.status, acceptFork }));
      } finally {
        await replica.close();
      }
    }
    await this.table(items, [
      { name: "store", value: ({ url }) => url, importance: 0 },
      { name: "only here", value: ({ ahead }) => ahead },
      { name: "only there", value: ({ behind }) => behind },
      { name: "written", value: ({ copied }) => copied },
    ]);
    for (const { scope, name, version } of items.flatMap(({ conflicts }) => conflicts)) {
      this.warn(`${scope}/${name} was set in both: version ${version} is pending`);
      this.next(`citadel secrets:get ${name} -s ${scope} --label pending`);
    }
    const apart = items.some(({ ahead, behind }) => ahead + behind > 0);
    if (flags.status && apart) process.exitCode = 3;
    return { items, ...(given !== undefined && { given }) };
  }
}
