import type { Citadel, Scratch } from "@citadel/core";
import { contents, snapshot, writeExport, type Exported } from "@citadel/core/transfer";
import type { OutgoingSecrets } from "./secrets.ts";
import { namesOf } from "@citadel/core/store";

export type { Exported } from "@citadel/core/transfer";

export interface ExportOptions {
  /** ends the export; what was at the path stays */
  readonly signal?: AbortSignal;
  /** secrets to put in, sealed @default none */
  readonly secrets?: OutgoingSecrets | undefined;
  /** hears how many packages are done */
  readonly onProgress?: (at: {
    readonly phase: string;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/**
 * Writes every package to one file, see {@link writeExport}.
 * @throws E_USAGE, E_INTEGRITY that names what is damaged, E_CANCELLED
 */
export async function exportTo(
  citadel: Citadel,
  path: string,
  { signal, secrets, onProgress }: ExportOptions = {},
  scratch: Scratch = new Set(),
): Promise<Exported> {
  let total = 0;
  if (onProgress) for await (const _ of namesOf(citadel.registry.packages)) total++;
  const options = {
    cache: await (await citadel.cache()).rows(),
    config: snapshot(citadel.settings, secrets?.redact),
    ...(secrets && { secrets: secrets.sealed }),
    ...(signal && { signal }),
    ...(onProgress && {
      seen: (done: number) => onProgress({ phase: `writing ${path}`, done, total }),
    }),
  };
  return writeExport(path, contents(citadel), options, scratch);
}
