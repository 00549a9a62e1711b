import { createHash } from "node:crypto";
import type { Driver } from "../driver/driver.ts";
import type { VersionRecord } from "../registry/types.ts";
import type { Stored } from "./projection.ts";

export async function storedAs(driver: Driver, integrity: string): Promise<Stored> {
  const hex = Buffer.from(integrity.slice(7), "base64").toString("hex");
  const entry = await driver.head(`b/sha512/${hex.slice(0, 2)}/${hex}`);
  return { compressed: entry?.meta?.["encoding"] !== undefined, encrypted: false };
}

export const versionId = (name: string, version: string, record: VersionRecord): string =>
  createHash("sha256").update(`${name}@${version}:${record.manifest}`).digest("hex");
