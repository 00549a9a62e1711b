import { createHmac, hkdfSync, randomUUID, timingSafeEqual } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { VaultDocument } from "./kind.ts";
import type { Identity, VaultState } from "./types.ts";

/** A state of the vault that this identity has verified from the beginning, so that it need not do so each time. */
export interface Checkpoint {
  /** revision of the store's document */
  readonly rev: number;
  readonly state: VaultState;
  readonly document: VaultDocument;
}

export interface Checkpoints {
  /** Undefined for one that this identity did not write, whatever it says. */
  read(): Promise<Checkpoint | undefined>;
  /** As good as it goes: what is lost is verified again. */
  write(checkpoint: Checkpoint): Promise<void>;
}

/** Raised whenever `VaultState` gets another shape: what was written before is not read then. */
const form = 1;
const macBytes = 32;

/**
 * The checkpoint of one store, beside its pin. An HMAC under a key of the identity's own says who wrote it; the pin, not
 * this, says what is new enough.
 */
export function openCheckpoints(folder: string, store: string, { age }: Identity): Checkpoints {
  const path = join(folder, `checkpoint-${store}`);
  const key = Buffer.from(hkdfSync("sha256", age, "", "citadel vault checkpoint", 32));
  const mac = (body: Uint8Array): Buffer => createHmac("sha256", key).update(body).digest();
  return {
    async read() {
      const file = await readFile(path).catch(() => undefined);
      if (!file || file.byteLength <= macBytes) return undefined;
      const body = file.subarray(macBytes);
      if (!timingSafeEqual(mac(body), file.subarray(0, macBytes))) return undefined;
      try {
        const [known, checkpoint] = deserialize(body) as [number, Checkpoint];
        return known === form ? checkpoint : undefined;
      } catch {
        // written by another version of Node
        return undefined;
      }
    },
    async write(checkpoint) {
      const body = serialize([form, checkpoint]);
      const draft = `${path}.${randomUUID()}`;
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await writeFile(draft, Buffer.concat([mac(body), body]), { mode: 0o600, flag: "wx" });
        await rename(draft, path);
      } catch {
        await rm(draft, { force: true }).catch(() => {});
      }
    },
  };
}
