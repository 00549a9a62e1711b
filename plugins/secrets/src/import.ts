import { open } from "node:fs/promises";
import { basename, extname } from "node:path";
import { buffer } from "node:stream/consumers";
import { CitadelError } from "@citadel/core/errors";
import {
  checked,
  isAge,
  mostFileBytes,
  openAge,
  readBundle,
  readDotenv,
  readIdentities,
  readJson,
  readKv,
  readSops,
  type Item,
  type Openers,
} from "@citadel/core/formats";
import type { Shield } from "@citadel/core/mask";
import { readSecretFile } from "@citadel/core/terminal";
import type { Taken, Vault } from "@citadel/core/vault";
import { importFormats, type ImportFormat } from "./formats.ts";

export interface ImportWish {
  /** `-` is standard input */
  readonly path: string;
  /** @default what the file looks like */
  readonly format?: ImportFormat | undefined;
  /** of secrets whose scope the file does not say */
  readonly scope: string;
  /** beginning of all names */
  readonly prefix: string;
  /** file with age identities, besides that of the vault */
  readonly identityFile?: string | undefined;
  /** asked when the file wants one */
  readonly passphrase: () => Promise<string>;
  readonly dryRun: boolean;
}

export interface Imported {
  readonly format: ImportFormat;
  readonly items: readonly Taken[];
  readonly dryRun: boolean;
}

/**
 * Takes the secrets of a file into the vault, all or none.
 * @param warn hears what may not be what was meant
 * @throws E_USAGE, E_INVALID_DOCUMENT, E_TOO_LARGE, E_INTEGRITY, E_VAULT_LOCKED
 */
export async function importSecrets(
  vault: Vault,
  wish: ImportWish,
  { warn, shield }: { readonly warn: (line: string) => void; readonly shield: Shield },
): Promise<Imported> {
  const { path, prefix, scope, dryRun } = wish;
  const bytes = await readBounded(path);
  const format = wish.format ?? formatOf(path, bytes);
  const read = await itemsOf(vault, bytes, format, wish, warn);
  const items = checked(read, prefix).map((item) => ({ ...item, scope: item.scope ?? scope }));
  if (items.length === 0) throw new CitadelError("E_USAGE", `${path} holds no secrets`);
  for (const { name, values } of items) for (const value of values) shield.hide(name, value);
  const taken = await vault.take(items, { dryRun });
  for (const { values } of items) for (const value of values) value.fill(0);
  return { format, items: taken, dryRun };
}

async function itemsOf(
  vault: Vault,
  bytes: Buffer,
  format: ImportFormat,
  { identityFile, passphrase }: ImportWish,
  warn: (line: string) => void,
): Promise<Item[]> {
  const openers = async (): Promise<Openers> => ({
    passphrase,
    identities: identityFile
      ? readIdentities(await readSecretFile(identityFile, "identity"))
      : [await vault.ageIdentity()],
  });
  if (format === "age") return readBundle(await openAge(bytes, await openers()));
  const text = textOf(bytes);
  switch (format) {
    case "env": {
      const { items, odd } = readDotenv(text);
      if (odd.length > 0)
        warn(`nothing is replaced in a .env file; with $ in it: ${odd.slice(0, 10).join(", ")}`);
      return items;
    }
    case "json":
      return readJson(text);
    case "kv":
      return readKv(text);
    default: {
      const kind = format === "sops-yaml" ? "yaml" : format === "sops-json" ? "json" : "env";
      return readSops(text, kind, async (file) => openAge(file, await openers()));
    }
  }
}

async function readBounded(path: string): Promise<Buffer> {
  const tooLarge = () =>
    new CitadelError("E_TOO_LARGE", `${path} has more than ${mostFileBytes} bytes`);
  if (path === "-") {
    const all = await buffer(process.stdin);
    if (all.byteLength > mostFileBytes) throw tooLarge();
    return all;
  }
  const file = await open(path).catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, { cause: error });
  });
  try {
    const { size } = await file.stat();
    if (size > mostFileBytes) throw tooLarge();
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new CitadelError("E_INVALID_DOCUMENT", "the file is no text", {
      hint: ["say which format it has: --format"],
      cause: error,
    });
  }
}

/** What a file is, by its content and its name. */
function formatOf(path: string, bytes: Buffer): ImportFormat {
  if (isAge(bytes)) return "age";
  const text = bytes.toString();
  const end = extname(path).toLowerCase();
  if (/^sops_mac=/m.test(text)) return "sops-env";
  if (end === ".env" || basename(path).startsWith(".env")) return "env";
  if (end === ".json") return /^\s*"sops": ?\{/m.test(text) ? "sops-json" : "json";
  if ((end === ".yaml" || end === ".yml") && /^sops:/m.test(text)) return "sops-yaml";
  throw new CitadelError("E_USAGE", `${path} does not tell which format it has`, {
    hint: [`say it: --format ${importFormats.join("|")}`],
  });
}
