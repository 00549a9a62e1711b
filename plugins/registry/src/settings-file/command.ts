import { maskValue } from "@citadel/core/config";
import { CitadelCommand } from "@citadel/core/command";
import { editSettings, type EditedSetting, type FileValues } from "./edit.ts";
import { replace, settingsFileOf, textOf, type Wanted } from "./place.ts";

/** A command that writes values into a settings file. */
export abstract class SettingsFileCommand extends CitadelCommand {
  /** Shows what changes, and writes it. @throws E_CONFIG, E_CANCELLED */
  protected async write(
    values: FileValues,
    flags: Wanted & { readonly "dry-run": boolean; readonly yes: boolean },
  ): Promise<object> {
    const { dirs } = this;
    const path = settingsFileOf(flags, process.cwd(), dirs);
    const before = await textOf(path);
    const { text, changes } = await editSettings(before ?? empty, path, values, dirs);
    await this.table(changes, [
      { name: "setting", value: ({ key }) => key, importance: 0 },
      { name: "before", value: ({ before: old }) => shown(old), importance: 1 },
      { name: "after", value: ({ after }) => shown(after), importance: 0 },
    ]);
    const dryRun = flags["dry-run"];
    const items = changes.map(itemOf);
    if (changes.length === 0) this.note(`${path} says all of this already`);
    else if (dryRun) this.note(`${path} would change; nothing was written`);
    else {
      if (before !== undefined && !flags.yes)
        await this.confirm(`Change ${changes.length} settings in ${path}?`, "--yes");
      await replace(path, text);
      this.success(`wrote ${path}`);
    }
    return { path, dryRun, items };
  }
}

const empty = "{\n  // settings of Citadel; what counts: citadel config\n}\n";

const itemOf = ({ key, before, after }: EditedSetting): object => ({
  ...{ key, before: maskValue(before), after: maskValue(after) },
});

const shown = (value: unknown): string => {
  const safe = maskValue(value);
  return safe === null ? "" : typeof safe === "string" ? safe : JSON.stringify(safe);
};
