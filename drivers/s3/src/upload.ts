import { Readable } from "node:stream";
import type { PutObjectCommandInput, S3Client } from "@aws-sdk/client-s3";
import type { Send, Sending, Service } from "./service.ts";

/** Bytes of a part: the least that S3 takes. */
export const PART = 5 * 1024 * 1024;
export const PARTS = 10_000;

export interface UploadHooks {
  /** before the first part of an object of several */
  begin(): Promise<void>;
  /** sends a request that nobody sees the effect of: the beginning of an upload, a part */
  hidden<T>(send: (sending: Sending) => Promise<T>): Promise<T>;
  /** sends the request that makes the object appear, whole or put together from parts */
  finish(send: Send, from: "whole" | "parts"): Promise<void>;
  /** upload ids that are in use */
  readonly active: Set<string>;
}

/**
 * Sends `source` as one object: in one request when it is short, else in parts, one at a time. When it fails nothing is visible, unless the failure is that of `finish`; what was sent is removed.
 */
export async function upload(
  { sdk, patient, once }: Service,
  params: Omit<PutObjectCommandInput, "Body">,
  source: AsyncGenerator<Uint8Array, void, void>,
  hooks: UploadHooks,
): Promise<void> {
  const { Upload } = await import("@aws-sdk/lib-storage");
  const body = Readable.from(copies(source));
  let id: string | undefined;

  // each kind of request has its own way to fail, be repeated and be given up, and Upload knows one client for all
  const send = async (command: object): Promise<unknown> => {
    if (command instanceof sdk.PutObjectCommand) {
      const { input } = command;
      const put: Send = (headers, sending) =>
        once.send(new sdk.PutObjectCommand({ ...input, ...headers }), sending);
      await hooks.finish(put, "whole");
      return {};
    }
    if (command instanceof sdk.CompleteMultipartUploadCommand) {
      const { input } = command;
      const complete: Send = (headers, sending) =>
        once.send(new sdk.CompleteMultipartUploadCommand({ ...input, ...headers }), sending);
      await hooks.finish(complete, "parts");
      return {};
    }
    if (command instanceof sdk.CreateMultipartUploadCommand) {
      await hooks.begin();
      const created = await hooks.hidden((sending) => patient.send(command, sending));
      id = created.UploadId;
      if (id) hooks.active.add(id);
      return created;
    }
    if (command instanceof sdk.UploadPartCommand)
      return hooks.hidden((sending) => patient.send(command, sending));
    if (command instanceof sdk.AbortMultipartUploadCommand)
      // why the upload failed matters more than whether its parts are gone: a sweep will find them
      return patient.send(command, { abortSignal: AbortSignal.timeout(5000) }).catch(() => {});
    throw new TypeError("a request that is no part of an upload");
  };
  const client = Object.create(patient, { send: { value: send } }) as S3Client;
  try {
    const request = { ...params, Body: body };
    await new Upload({ client, params: request, queueSize: 1, partSize: PART }).done();
  } finally {
    body.destroy();
    // it may not even have begun
    source.return().catch(() => {});
    if (id) hooks.active.delete(id);
  }
}

/** A source may fill the same buffer again, and a part is made of several chunks. */
async function* copies(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}
