import type {
  ListMultipartUploadsCommandInput,
  ListMultipartUploadsCommandOutput,
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import type { Key } from "@citadel/core/driver";
import type { Location } from "./location.ts";
import { PROBES } from "./probe.ts";
import type { Sending, Service } from "./service.ts";

const AT_ONCE = 16;

export interface SweepHooks {
  /** upload ids of this process */
  readonly active: ReadonlySet<string>;
  /** sends a request within the limits of the sweep */
  ask<T>(send: (sending: Sending) => Promise<T>): Promise<T>;
  /** Removes what is there under `key` if it has expired; whether it was. Undefined: nothing ever expires here. */
  readonly expire: ((key: Key) => Promise<boolean>) | undefined;
}

/** Frees uploads and probes older than `before` (ms since 1970), and what has expired. Resolves with their number. */
export async function sweep(
  { sdk, patient, once }: Service,
  at: Location,
  before: number,
  { active, ask, expire }: SweepHooks,
): Promise<number> {
  const { bucket: Bucket, prefix: Prefix } = at;
  let removed = 0;

  const uploads = async (): Promise<void> => {
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (marker) {
      const query: ListMultipartUploadsCommandInput = { Bucket, Prefix, ...marker };
      const page: ListMultipartUploadsCommandOutput = await ask((sending) =>
        patient.send(new sdk.ListMultipartUploadsCommand(query), sending),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (!Key || !UploadId || active.has(UploadId) || !old(Initiated)) continue;
        const upload = { Bucket, Key, UploadId };
        await ask((sending) =>
          patient.send(new sdk.AbortMultipartUploadCommand(upload), sending),
        ).catch(ignoreGone);
        removed++;
      }
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
      marker =
        page.IsTruncated && KeyMarker
          ? { KeyMarker, ...(UploadIdMarker && { UploadIdMarker }) }
          : undefined;
    }
  };
  const old = (since: Date | undefined): boolean => since !== undefined && since.getTime() < before;

  const objects = async (): Promise<void> => {
    let after: { StartAfter?: string } | undefined = {};
    while (after) {
      const query: ListObjectsV2CommandInput = { Bucket, Prefix, ...after };
      const page: ListObjectsV2CommandOutput = await ask((sending) =>
        patient.send(new sdk.ListObjectsV2Command(query), sending),
      );
      const found = page.Contents ?? [];
      for (let from = 0; from < found.length; from += AT_ONCE)
        await Promise.all(
          found.slice(from, from + AT_ONCE).map(async ({ Key = "", LastModified }) => {
            const key = Key.slice(Prefix.length);
            if (key.startsWith(PROBES)) {
              if (!old(LastModified)) return;
              await ask((sending) =>
                once.send(new sdk.DeleteObjectCommand({ Bucket, Key }), sending),
              );
              removed++;
              // blobs and manifests stay until nobody names them
            } else if (!/^[bm]\//.test(key) && (await expire?.(key))) removed++;
          }),
        );
      const last = found.at(-1)?.Key;
      after = page.IsTruncated && last ? { StartAfter: last } : undefined;
    }
  };

  await uploads();
  await objects();
  return removed;
}

/** Somebody else was faster. */
function ignoreGone(error: unknown): void {
  if ((error as Error).name !== "NoSuchUpload") throw error;
}
