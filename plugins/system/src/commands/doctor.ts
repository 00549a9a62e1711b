import { environment } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { clean } from "@citadel/core/terminal";
import { boolean } from "@oclif/core/flags";
import { examine, exitOf } from "../doctor/examine.ts";
import type { Finding } from "../doctor/finding.ts";

const glyphs = { good: ["✔", "ok"], note: ["·", "-"], warning: ["▲", "!"], error: ["✖", "x"] } as const; // prettier-ignore
const styles = { good: "good", note: "dim", warning: "careful", error: "bad" } as const;
const labelWidth = 11;

export default class Doctor extends CitadelCommand {
  static override summary = "Look for what is wrong, and say what to do";
  static override description =
    "Checks settings, stores, clocks, folders, disk, port, plugins, keys and a part of the history. Exit code 0 when all is well, 3 when something should be looked at, 2 for wrong settings, 6 for damage, 7 for a store or registry that cannot be reached. Secrets are never shown, only whether they are set.";
  static override examples = [
    "<%= config.bin %> doctor",
    "<%= config.bin %> doctor --deep --json",
    "<%= config.bin %> doctor --fix",
  ];
  static override flags = {
    deep: boolean({ description: "verify the whole store, not only what is newest" }),
    fix: boolean({ description: "repair what can be repaired without losing anything" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Doctor);
    const progress = await this.progress("looking at this machine");
    const findings: Finding[] = [];
    const seen = examine({
      env: environment(),
      cwd: process.cwd(),
      dirs: this.dirs,
      config: this.config,
      load: () => this.settings({ quiet: true }),
      open: () => this.citadel(),
      deep: flags.deep,
      phase: progress.phase,
    });
    for await (const finding of seen) findings.push(finding);
    progress.stop();

    const fixed: string[] = [];
    const open: Finding[] = [];
    for (const finding of findings) {
      if (!flags.fix || !finding.repair) open.push(finding);
      else {
        await finding.repair.run();
        fixed.push(finding.repair.what);
      }
    }
    if (this.terminal.out.tty) for (const finding of open) this.#tell(finding);
    else
      await this.table(open, [
        { name: "level", value: ({ level }) => level },
        { name: "check", value: ({ check }) => check },
        { name: "what", value: ({ what }) => what },
        { name: "why", value: ({ why }) => why },
        { name: "do", value: ({ fix }) => fix?.join("; ") },
      ]);
    for (const what of fixed) this.success(what);
    const count = (level: Finding["level"]) => open.filter((one) => one.level === level).length;
    const [errors, warnings] = [count("error"), count("warning")];
    if (errors + warnings === 0) this.success("all is well");
    else this.note(`errors: ${errors}, warnings: ${warnings}`);
    if (!flags.fix && findings.some(({ repair }) => repair)) this.next("citadel doctor --fix");
    process.exitCode = exitOf(open);
    const items = open.map(({ repair, exit: _, ...item }) => ({ ...item, fixable: repair !== undefined })); // prettier-ignore
    return { healthy: errors + warnings === 0, items, fixed };
  }

  #tell({ check, level, what, why, fix = [] }: Finding): void {
    const { unicode, out } = this.terminal;
    const glyph = out.palette[styles[level]](glyphs[level][unicode ? 0 : 1]);
    const room = Math.max(40, out.width - labelWidth - 4);
    const put = (label: string, text: string): void => {
      const [first = "", ...rest] = wrap(clean(text), room);
      this.out(`${label}${first}`);
      for (const line of rest) this.out(" ".repeat(labelWidth + 3) + line);
    };
    put(`${glyph} ${check.padEnd(labelWidth)} `, what);
    const bad = level === "warning" || level === "error";
    if (bad && why !== undefined) put(`  ${out.palette.dim("why".padEnd(labelWidth))} `, why);
    for (const step of bad ? fix : []) put(`  ${out.palette.dim("do".padEnd(labelWidth))} `, step);
  }
}

/** Lines of at most `room` letters, broken between words; a word that is longer stays whole. */
function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room)
      lines.push(`${lines.pop()} ${word}`); // prettier-ignore
    else lines.push(word);
  }
  return lines;
}
