import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "./config/environment.ts";
import { mask, secretName } from "./config/mask.ts";

export interface ReportOptions {
  readonly error: unknown;
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly env: Environment;
  /** folder to write into, made when missing */
  readonly folder: string;
  /** takes out of the text what else may not be in it */
  readonly redact: (text: string) => string;
}

const telling =
  /^(CITADEL|REGISTRY|S3|R2|DB|REDIS|XDG|NODE|LC|SECURITY|METRICS|ALERT)_|^(LANG|TERM|CI|COLORTERM|SHELL)$/;

/**
 * Writes what is needed to understand a defect: stack, versions, and the variables that matter, without secrets and
 * without the command line's values. Returns the file, undefined when no folder can be written.
 */
export function writeReport({
  error,
  command,
  versions,
  env,
  folder,
  redact,
}: ReportOptions): string | undefined {
  const variables = Object.entries(env).filter(([name]) => telling.test(name));
  const secrets = Object.entries(env).flatMap(([name, value = ""]) =>
    secretName(name) && value.length > 5 ? [value] : [],
  );
  const report = {
    time: new Date().toISOString(),
    command,
    versions,
    platform: `${process.platform} ${process.arch}`,
    environment: Object.fromEntries(
      variables.map(([name, value = ""]) => [name, secretName(name) ? "***" : mask(value)]),
    ),
    error: stackOf(error),
  };
  const text = secrets.reduce(
    (sum, secret) => sum.replaceAll(JSON.stringify(secret).slice(1, -1), "***"),
    mask(JSON.stringify(report, null, 2)),
  );
  const name = `citadel-${report.time.replaceAll(/[:.]/g, "-")}-${process.pid}.json`;
  for (const place of [folder, tmpdir()])
    try {
      mkdirSync(place, { recursive: true, mode: 0o700 });
      const path = join(place, name);
      writeFileSync(path, `${redact(text)}\n`, { mode: 0o600, flag: "wx" });
      return path;
    } catch {
      // a read-only home: the next place
    }
  return undefined;
}

function stackOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  const stack = (error.stack ?? String(error)).split("\n");
  return error.cause === undefined ? stack : [...stack, "caused by", ...stackOf(error.cause)];
}
