import { readFile } from "node:fs/promises";
import type { Dirs, Settings } from "../config/index.ts";
import { replaceFile } from "../replace-file.ts";
import { decodeBody } from "./body.ts";
import { headerLength, hex } from "./fields.ts";
import { defaultHeader, demandOurs, headerProblems } from "./header.ts";
import { createLock } from "./lock.ts";
import { livePlace } from "./place.ts";

export interface Repair {
  /** one line for each thing that is not what it must be */
  readonly changes: readonly string[];
  apply(): Promise<void>;
}

/**
 * What it takes to make the file one that opens: bytes that are good stay, others get their default, a damaged rest goes.
 * @throws E_CONFIG for a file of somebody else
 */
export async function repairLive({
  settings,
  dirs,
}: {
  readonly settings: Settings;
  readonly dirs: Dirs;
}): Promise<Repair> {
  const { path, defaults } = livePlace(settings, dirs);
  const file = await readFile(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return { changes: [], apply: async () => {} };
  demandOurs(file);
  const changes: string[] = [];
  const whole = defaultHeader(defaults);
  const header = Buffer.concat([file.subarray(0, headerLength), whole.subarray(file.length)]);
  if (file.length < headerLength)
    changes.push(`bytes ${hex(file.length)} to 0x0c are missing: they get their defaults`);
  for (const { offset, message } of headerProblems(header)) {
    header[offset] = whole[offset] ?? 0;
    changes.push(`${message}: it becomes ${header[offset]}`);
  }
  const rest = file.subarray(headerLength);
  const keeps = rest.length > 0 && bodyIsWhole(Buffer.concat([header, rest]));
  if (rest.length > 0 && !keeps)
    changes.push(`${rest.length} bytes behind the header are damaged: they are taken away`);
  return {
    changes,
    async apply() {
      const lock = createLock(`${path}.lock`);
      try {
        await lock.within(() => replaceFile(path, keeps ? Buffer.concat([header, rest]) : header));
      } finally {
        lock.close();
      }
    },
  };
}

function bodyIsWhole(file: Buffer): boolean {
  try {
    decodeBody(file);
    return true;
  } catch {
    return false;
  }
}
