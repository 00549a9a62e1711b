import { CitadelCommand } from "@citadel/core/command";
import { policyItem, refusedItem, type PolicyItem, type RefusedItem } from "@citadel/core/policy";
import { boolean } from "@oclif/core/flags";
import { policyHistory } from "../../policy-history.ts";
import { subjectOf } from "../../policy.ts";

/** Rows of the report of what was refused. */
const most = 20;

export default class RegistryPolicy extends CitadelCommand {
  static override summary = "Show which versions of other registries are served";
  static override description =
    "Rules, exceptions, requests for exceptions, and what was refused in the last 30 days. Of the rules of one kind the one with the most specific pattern counts; exceptions beat all. See docs/policy.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %>:set age 3d",
    "<%= config.bin %> <%= command.id %> --history",
  ];
  static override flags = {
    history: boolean({ description: "show who changed what, and when" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryPolicy);
    const citadel = await this.citadel();
    const policies = await citadel.policies();
    if (flags.history) {
      const items = await policyHistory(policies);
      await this.table(items, [
        { name: "change", value: ({ rev }) => rev, importance: 0 },
        { name: "when", value: ({ at }) => at },
        { name: "who", value: ({ who }) => who },
        { name: "what", value: ({ what }) => what, importance: 2 },
      ]);
      return { items };
    }
    const policy = policyItem(await policies.read());
    const refused = (await (await citadel.refusals()).list()).map(refusedItem);
    await this.#rules(policy);
    await this.#exceptions(policy);
    await this.#refused(refused.slice(0, most));
    if (policy.rules.length === 0) this.next("citadel registry:policy:set age 3d");
    return { ...policy, refused: { items: refused } };
  }

  async #rules({ mode, rules }: PolicyItem): Promise<void> {
    const first = rules.length === 0 ? "no rules: everything is served" : mode;
    this.out(`policy\t${first}`.replace("\t", this.terminal.out.tty ? "  " : "\t"));
    await this.table(rules, [
      { name: "rule", value: ({ id }) => id, importance: 0 },
      { name: "effect", value: ({ effect }) => effect },
      { name: "reason", value: ({ reason }) => reason, importance: 2 },
      { name: "by", value: ({ by }) => by, importance: 3 },
      { name: "since", value: ({ at }) => at, importance: 4 },
    ]);
  }

  async #exceptions({ exceptions, requests }: PolicyItem): Promise<void> {
    await this.table(exceptions, [
      { name: "exception", value: ({ id }) => id, importance: 0 },
      { name: "package", value: (one) => subjectOf(one), importance: 0 },
      { name: "from", value: ({ families }) => families?.join(", ") ?? "all rules" },
      { name: "until", value: ({ until }) => until ?? "for good" },
      { name: "by", value: ({ by }) => by, importance: 2 },
      { name: "for", value: (one) => one.for, importance: 4 },
      { name: "reason", value: ({ reason }) => reason, importance: 3 },
    ]);
    const open = requests.filter(({ state }) => state === "open");
    await this.table(open, [
      { name: "request", value: ({ id }) => id, importance: 0 },
      { name: "package", value: (one) => subjectOf(one), importance: 0 },
      { name: "by", value: ({ by }) => by },
      { name: "since", value: ({ at }) => at, importance: 3 },
      { name: "reason", value: ({ reason }) => reason, importance: 2 },
    ]);
    if (open[0]) this.next(`citadel registry:policy:approve ${open[0].id} --until 30d`);
  }

  async #refused(items: readonly RefusedItem[]): Promise<void> {
    await this.table(items, [
      { name: "refused", value: ({ name, version }) => `${name}@${version}`, importance: 0 },
      { name: "rule", value: ({ rule }) => rule },
      { name: "dry run", value: ({ dryRun }) => (dryRun ? "served" : ""), importance: 3 },
      { name: "times", value: ({ count }) => count, align: "right" },
      { name: "last", value: ({ last }) => last, importance: 2 },
      { name: "asked by", value: ({ askers }) => askers.join(", "), importance: 3 },
    ]);
  }
}
