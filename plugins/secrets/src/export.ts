import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { CitadelError } from "@citadel/core/errors";
import {
  collectItems,
  sealAge,
  writeBundle,
  writeDotenv,
  writeJson,
  writeKv,
  writeSops,
  type Item,
  type Readers,
} from "@citadel/core/formats";
import type { Vault } from "@citadel/core/vault";
import type { ExportFormat } from "./formats.ts";

export interface ExportWish {
  readonly format: ExportFormat;
  /** @default all */
  readonly scope?: string | undefined;
  readonly only?: readonly string[] | undefined;
  readonly recipients: readonly string[];
  /** asked when there are no recipients and the format seals */
  readonly passphrase: () => Promise<string>;
}

/** Secrets in a format. Each value is on record before it is written. */
export async function exportSecrets(
  vault: Vault,
  { format, scope, only, recipients, passphrase }: ExportWish,
): Promise<{ readonly text: string; readonly items: readonly Item[] }> {
  const versions = format === "age" || format === "kv";
  if (format !== "age" && scope === undefined)
    throw new CitadelError("E_USAGE", `${format} holds the secrets of one scope`, {
      hint: ["name it: --scope <scope>"],
    });
  if (format.startsWith("sops-") && recipients.length === 0)
    throw new CitadelError("E_USAGE", "a SOPS file is sealed for age recipients", {
      hint: ["name one or more: --recipient age1…"],
    });
  // before any value is opened
  const readers: Readers | undefined =
    format !== "age"
      ? undefined
      : recipients.length > 0
        ? { recipients }
        : { passphrase: await passphrase() };
  const items = await collectItems(vault, { scope, only, versions });
  if (items.length === 0)
    throw new CitadelError("E_SECRET_NOT_FOUND", "there is nothing to export");
  const now = new Date();
  try {
    return { text: await textOf(), items };
  } finally {
    for (const { values } of items) for (const value of values) value.fill(0);
  }

  async function textOf(): Promise<string> {
    switch (format) {
      case "age":
        return sealAge(writeBundle(items, now), readers ?? { recipients });
      case "env":
        return writeDotenv(items);
      case "json":
      case "dotenv-json":
        return writeJson(items, format === "dotenv-json");
      case "kv":
        return writeKv(items);
      default: {
        const kind = format === "sops-yaml" ? "yaml" : format === "sops-json" ? "json" : "env";
        return writeSops(items, kind, recipients, now);
      }
    }
  }
}

/** Writes a file for this user alone, whole or not at all. @throws E_USAGE */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, text.endsWith("\n") ? text : `${text}\n`, { mode: 0o600, flag: "wx" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw new CitadelError("E_USAGE", `${path} cannot be written`, { cause: error });
  }
}
