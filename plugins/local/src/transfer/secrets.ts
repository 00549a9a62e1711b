import { CitadelError } from "@citadel/core/errors";
import {
  collectItems,
  openAge,
  readBundle,
  sealAge,
  writeBundle,
  type Openers,
  type Readers,
} from "@citadel/core/formats";
import { createMask } from "@citadel/core/mask";
import type { Taken, Vault } from "@citadel/core/vault";
import type { SealedSecrets } from "@citadel/core/transfer";

export interface OutgoingSecrets {
  readonly sealed: SealedSecrets;
  /** a text without any of their values */
  readonly redact: (text: string) => string;
}

/** Every secret that can be read, in an age file. Each value is on record first. */
export async function sealSecrets(vault: Vault, readers: Readers): Promise<OutgoingSecrets> {
  const items = await collectItems(vault, { versions: true });
  const mask = createMask(
    items.flatMap(({ name, values }) => values.map((value) => ({ name, value }))),
  );
  const sealed = await sealAge(writeBundle(items, new Date()), readers);
  for (const { values } of items) for (const value of values) value.fill(0);
  return { sealed: { format: "age", count: items.length, sealed }, redact: mask.text };
}

/** Secrets on their way in: checked, and taken when everything else has arrived. */
export interface ArrivingSecrets {
  readonly items: readonly Taken[];
  take(): Promise<void>;
}

/** @throws E_VAULT_LOCKED, E_INVALID_DOCUMENT, E_SECRET_DENIED and what else the vault refuses */
export async function openSealed(
  vault: Vault,
  { sealed, count }: SealedSecrets,
  openers: Openers,
): Promise<ArrivingSecrets> {
  const items = readBundle(await openAge(Buffer.from(sealed), openers)).map((item) => ({
    ...item,
    scope: item.scope ?? "default",
  }));
  if (items.length !== count)
    throw new CitadelError("E_INVALID_DOCUMENT", `the export says that it holds ${count} secrets`, {
      hint: [`there are ${items.length}: take another copy of the export`],
    });
  return {
    items: await vault.take(items, { dryRun: true }),
    take: async () => void (await vault.take(items, { dryRun: false })),
  };
}
