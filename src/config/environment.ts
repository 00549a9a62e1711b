/** Environment variables; an empty value counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process. Everything that depends on it takes it as an argument from here. */
export const environment = (): Environment => process.env;

/** Turns on what `--verbose` shows, here and in processes started from here. */
export function logEverything(): void {
  process.env["DEBUG"] = [process.env["DEBUG"], "citadel:*"].filter(Boolean).join(",");
}
