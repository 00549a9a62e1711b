/** Environment variables; an empty value counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process. Everything that depends on it takes it as an argument from here. */
export const environment = (): Environment => process.env;

/** The key of the server, where a variable holds it. */
export const serverKeyOf = (env: Environment): string | undefined =>
  env["CITADEL_SERVER_KEY"] || env["REGISTRY_SECRET_KEY"] || undefined;

/**
 * Turns on what `--verbose` shows, here and in processes started from here.
 * @returns turns it off again
 */
export function logEverything(): () => void {
  const before = process.env["DEBUG"];
  process.env["DEBUG"] = [before, "citadel:*"].filter(Boolean).join(",");
  return () => {
    if (before === undefined) delete process.env["DEBUG"];
    else process.env["DEBUG"] = before;
  };
}

/** A variable that processes started from here are not to have. */
export function take(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value === "" ? undefined : value;
}
