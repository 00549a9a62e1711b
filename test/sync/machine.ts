import { createHash } from "node:crypto";
import { memoryStore } from "@citadel/driver-memory";
import type { Driver } from "@citadel/core/driver";
import { kinds } from "@citadel/core/kinds";
import { packageKind, type PackageEvent, type PackageState } from "@citadel/core/registry";
import {
  integrityOf,
  openStore,
  type Actor,
  type Document,
  type Problem,
  type Store,
} from "@citadel/core/store";

export const grace = 48 * 3_600_000;

/** A registry's store in memory, or one that several share. */
export interface Machine {
  readonly driver: Driver;
  readonly store: Store;
  readonly who: Actor;
  /** one move of a package */
  change(name: string, ...events: readonly PackageEvent[]): Promise<void>;
  read(name: string): Promise<Document<PackageState> | undefined>;
  /** the event of a publish whose objects are stored */
  publish(version: string, content: string, tags?: readonly string[]): Promise<PackageEvent>;
  problems(): Promise<Problem[]>;
}

export async function machine(user = "local"): Promise<Machine> {
  const driver = memoryStore().open();
  await driver.open();
  const store = openStore({ driver, grace, memory: 2 ** 20 });
  const packages = store.ledger(packageKind());
  const who: Actor = { name: user, via: "cli" };
  return {
    driver,
    store,
    who,
    async change(name, ...events) {
      await packages.change(name, who, () => events);
    },
    read: (name) => packages.read(name),
    async publish(version, content, tags = ["latest"]) {
      const bytes = Buffer.from(content);
      const ref = { integrity: integrityOf(bytes), size: bytes.byteLength };
      await store.blobs.put(bytes, ref);
      const manifest = await store.manifests.put(Buffer.from(JSON.stringify({ version, content })));
      const record = { manifest, ...ref, time: 1, by: user };
      return { type: "publish", version, record, tags };
    },
    problems: () => Array.fromAsync(store.verify({ kinds: kinds() })),
  };
}

/** Every key with the hash of what lies there. */
export async function inventory({ driver }: Machine, prefix: string): Promise<string[]> {
  const all: string[] = [];
  const { entries } = await driver.list({ prefix });
  for (const { key } of entries) {
    const item = await driver.get(key);
    all.push(`${key} ${createHash("sha256").update(item!.body).digest("hex")}`);
  }
  return all;
}
