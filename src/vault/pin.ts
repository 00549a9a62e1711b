import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../replace-file.ts";
import { damaged } from "./problems.ts";

/** The newest state of a vault that this machine has seen. An older or another one is not taken from the store. */
export interface Pin {
  readonly vault: string;
  readonly seq: number;
  readonly head: string;
  /** key ids of those who may say that another history takes the place of this one */
  readonly administrators: readonly string[];
  /** a history that is about to take its place, verified elsewhere: either may be in the store after a crash */
  readonly next?: { readonly seq: number; readonly head: string };
}

export interface Pins {
  read(): Promise<Pin | undefined>;
  /** Durable when it resolves; never goes back. @param instead the pin that it takes the place of, newer or not */
  write(pin: Pin, instead?: Pin): Promise<void>;
}

/** The pin of one store, in a folder of this machine's own. @param store names the store, a file name */
export function openPins(folder: string, store: string): Pins {
  const path = join(folder, `pin-${store}.json`);
  const read = async (): Promise<Pin | undefined> => {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw damaged(`${path} cannot be read`, error);
    }
    try {
      const pin = JSON.parse(text) as Record<keyof Pin, unknown>;
      const { vault, seq, head, administrators } = pin;
      if (
        typeof vault === "string" &&
        Number.isSafeInteger(seq) &&
        typeof head === "string" &&
        Array.isArray(administrators)
      )
        return pin as unknown as Pin;
    } catch {
      // as below
    }
    throw damaged(`${path} is damaged`);
  };
  return {
    read,
    async write(pin, instead) {
      const known = await read();
      if (
        known &&
        known.head !== instead?.head &&
        known.vault === pin.vault &&
        known.seq >= pin.seq
      )
        return;
      await replaceFile(path, `${JSON.stringify(pin)}\n`);
    },
  };
}
