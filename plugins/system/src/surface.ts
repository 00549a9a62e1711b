import type { Config } from "@oclif/core/interfaces";
import { settingKeys, variablesOf } from "@citadel/core/config";
import { errors, type ErrorCode } from "@citadel/core/errors";

/** A flag as scripts may rely on it. */
export interface FlagItem {
  readonly name: string;
  readonly char?: string;
  readonly type: "boolean" | "option";
  readonly description: string;
  readonly required: boolean;
  readonly multiple: boolean;
  readonly options?: readonly string[];
}

/** A command as `citadel commands --json` shows it. */
export interface CommandItem {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly plugin: string;
  readonly args: readonly { readonly name: string; readonly required: boolean }[];
  readonly flags: readonly FlagItem[];
}

/** Every command of every plugin by id, from the manifests. @param hidden also those that help leaves out */
export function describeCommands(config: Config, hidden = false): CommandItem[] {
  return config.commands
    .filter((command) => (hidden || !command.hidden) && !command.aliases.includes(command.id))
    .map((command) => ({
      id: command.id,
      aliases: command.aliases,
      summary: command.summary ?? command.description?.split("\n")[0] ?? "",
      plugin: command.pluginName ?? "",
      args: Object.values(command.args).map(({ name, required = false }) => ({ name, required })),
      flags: Object.values(command.flags)
        .filter((flag) => hidden || !flag.hidden)
        .map((flag) => ({
          name: flag.name,
          ...(flag.char ? { char: flag.char } : {}),
          type: flag.type,
          description: flag.summary ?? flag.description ?? "",
          required: flag.required ?? false,
          multiple: flag.type === "option" && (flag.multiple ?? false),
          ...(flag.type === "option" && flag.options ? { options: flag.options } : {}),
        }))
        .sort(by((flag) => flag.name)),
    }))
    .sort(by((command) => command.id));
}

/** Every setting and the variables that set it, strongest first. */
export function variables(): Record<string, readonly string[]> {
  return Object.fromEntries(settingKeys.map((key) => [key, variablesOf(key)]));
}

/** Exit codes and the error codes that lead to them, from the one error table. */
export function exitCodes(): Partial<Record<number, ErrorCode[]>> {
  return Object.groupBy(Object.keys(errors) as ErrorCode[], (code) => errors[code].exit);
}

const by =
  <T>(text: (item: T) => string) =>
  (a: T, b: T): number =>
    text(a) < text(b) ? -1 : 1;
