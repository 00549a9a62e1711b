import { fstatSync, writeSync } from "node:fs";
import { parseDuration, type Citadel, type Environment } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import { createMask, type Named, type Shield } from "@citadel/core/mask";
import {
  lendToken,
  openPrivateFiles,
  readAll,
  registryUrl,
  runWith,
  scrubbed,
  select,
  type Ended,
  type Form,
  type LentToken,
  type PrivateFiles,
  type Wanted,
} from "@citadel/core/run";
import type { Terminal } from "@citadel/core/terminal";
import type { Vault } from "@citadel/core/vault";

export interface RunWish extends Wanted {
  readonly command: readonly [string, ...string[]];
  readonly form: Form;
  /** hides values on a terminal too */
  readonly mask: boolean;
  /** a token of a registry for as long as the command runs */
  readonly registry?: {
    readonly user: string | undefined;
    readonly packages: readonly string[];
    readonly lifetime: string;
    readonly url: string | undefined;
  };
}

export interface RunContext {
  readonly citadel: Citadel;
  readonly vault: Vault;
  readonly terminal: Terminal;
  readonly env: Environment;
  readonly shield: Shield;
  /** hears what is about to happen, before the command starts */
  readonly onStart: (line: string, warnings: readonly string[]) => void;
}

export interface Ran extends Ended {
  /** names of the variables that were set */
  readonly variables: readonly string[];
  readonly masked: boolean;
}

/** Runs a command with values of the vault, and leaves nothing of them behind. */
export async function run(context: RunContext, wish: RunWish): Promise<Ran> {
  const { citadel, vault, env, onStart, shield } = context;
  const selection = await select(vault, wish);
  let opened: PrivateFiles | undefined;
  const files = (): PrivateFiles => (opened ??= openPrivateFiles(env["XDG_RUNTIME_DIR"]));
  let lent: LentToken | undefined;
  try {
    lent = wish.registry && (await lend(citadel, wish.registry, files()));
    const values = await readAll(vault, selection);
    const hidden = values.flatMap(({ name, value }): Named[] =>
      name === undefined ? [] : [{ name, value }],
    );
    if (lent) hidden.push({ name: "registry-token", value: Buffer.from(lent.token) });
    for (const { name, value } of hidden) shield.hide(name, value);
    const mask = createMask(hidden);
    const sinks = sinksOf(context, wish);
    const masked = sinks.stdout.masked && sinks.stderr.masked;
    const warnings = mask.short.map((name) => `${name} is too short to be hidden in the output`);
    if (opened?.onDisk) warnings.push("no file system in memory here: the files lie on a disk");
    onStart(startLine(values.length, wish.form, sinks, lent), warnings);
    if (env["GITHUB_ACTIONS"] === "true") tellRunner(hidden);
    const { command, form } = wish;
    const ended = await runWith({
      ...{ command, form, files, values, mask, ...sinks },
      env: { ...scrubbed(env), ...lent?.env },
    });
    for (const { value } of values) value.fill(0);
    return { ...ended, variables: values.map(({ variable }) => variable), masked };
  } finally {
    opened?.remove();
    await lent?.revoke();
  }
}

async function lend(
  citadel: Citadel,
  { user, packages, lifetime, url }: NonNullable<RunWish["registry"]>,
  files: PrivateFiles,
): Promise<LentToken> {
  if (user === undefined)
    throw new CitadelError("E_USAGE", "nobody is named whose token it is to be", {
      hint: ["name a user: --registry-user <name>"],
    });
  const ms = parseDuration(lifetime);
  if (ms === undefined || ms < 1000)
    throw new CitadelError("E_USAGE", "--registry-expires is no duration such as 1h");
  const { publicUrl, port } = citadel.settings.server;
  const address = registryUrl(url ?? publicUrl ?? `http://localhost:${port}/`);
  return lendToken(citadel, { user, packages, lifetime: ms, url: address }, files);
}

/** A terminal is the command's own, unless its output is to be filtered. With --json all of it goes to standard error. */
function sinksOf({ terminal, env }: RunContext, { mask }: RunWish) {
  const { out, err, json } = terminal;
  const hide = mask || json || Boolean(env["CI"]);
  const stderr = { stream: err.stream, masked: hide || !err.tty };
  return { stdout: json ? stderr : { stream: out.stream, masked: hide || !out.tty }, stderr };
}

type Sinks = ReturnType<typeof sinksOf>;

const ways: Readonly<Record<Form, string>> = {
  env: "in the environment",
  file: "as files",
  stdin: "on standard input",
  fd: "as descriptors",
};

function startLine(count: number, form: Form, { stdout, stderr }: Sinks, lent?: LentToken): string {
  const what = `${count} ${count === 1 ? "value" : "values"} ${ways[form]}`;
  const token = lent
    ? `, a registry token until ${new Date(lent.expires).toISOString()} at the latest`
    : "";
  const shown = [stdout, stderr].filter(({ masked }) => !masked).length;
  const mode =
    shown === 0
      ? "values are hidden in the output"
      : shown === 2
        ? "the terminal is the command's own, so its output is shown as it is (--mask hides values)"
        : `values are hidden in standard ${stdout.masked ? "output" : "error"}, not on the terminal (--mask hides them there)`;
  return `${what}${token}; ${mode}`;
}

/** GitHub's runner hides what it is told, also in what other steps print. A file would keep it. */
function tellRunner(hidden: readonly Named[]): void {
  if (fstatSync(2).isFile()) return;
  const lines = hidden
    .flatMap(({ value }) =>
      Buffer.from(value)
        .toString()
        .split(/[\r\n]+/),
    )
    .filter((line) => line.trim() !== "");
  // past what hides values from everybody else
  for (const line of new Set(lines)) writeSync(2, `::add-mask::${line.replaceAll("%", "%25")}\n`);
}
