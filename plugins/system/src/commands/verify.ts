import { CitadelCommand } from "@citadel/core/command";

/** Exit code for damage found: integrity. */
const damaged = 6;

export default class Verify extends CitadelCommand {
  static override summary = "Check every hash and chain of the store";
  static override description =
    "Recomputes the history of each document, its state, and the content of each manifest and tarball. Exit code 6 when something is damaged.";
  static override examples = [
    "<%= config.bin %> verify",
    "<%= config.bin %> verify --store file:/mnt/backup/registry",
  ];

  async run(): Promise<object> {
    await this.parse(Verify);
    const citadel = await this.citadel();
    const progress = await this.progress("verifying");
    const { items, checked } = await citadel.verify();
    progress.stop();
    await this.table(items, [
      { name: "problem", value: (item) => item.problem, importance: 0 },
      { name: "key", value: (item) => item.key },
      { name: "what", value: (item) => item.message, importance: 2 },
    ]);
    const counts = Object.entries(checked).map(([what, count]) => `${count} ${what}`);
    if (items.length > 0) process.exitCode = damaged;
    const line = `checked ${counts.join(", ")}`;
    if (items.length === 0) this.success(`${line}: all sound`);
    else this.warn(`${line}: ${items.length} damaged`);
    return { items, checked };
  }
}
