import { signal } from "@preact/signals";
import { announce } from "../../announce.ts";
import { ask, type Failure } from "../../api.ts";
import { failureOf } from "../../resource.ts";
import { addressOf, bytes, valuesOf } from "./bytes.ts";

/** What `/_dashboard/api/config` answers with. */
interface ConfigItem {
  readonly hex: string;
  readonly generation: number;
}

export interface Edit {
  readonly offset: number;
  readonly from: number;
  readonly to: number;
}

/** A write that was refused: what stands there now, and what was wanted. */
export interface Refused extends Edit {
  readonly failure: Failure;
}

/** undefined until the server has said */
export const config = signal<ConfigItem | undefined>(undefined);
export const failure = signal<Failure | undefined>(undefined);
/** being written right now */
export const pending = signal<readonly Edit[]>([]);
export const refused = signal<Refused | undefined>(undefined);
/** what was written from here, the newest last */
export const done = signal<readonly Edit[]>([]);
/** bytes that somebody else has just changed */
export const flashing = signal<ReadonlySet<number>>(new Set());

/** ms that a byte flashes */
const flash = 2000;
let fading: ReturnType<typeof setTimeout> | undefined;

/** Takes over what stands in the file; what is new in it and does not come from here flashes, and is said once. */
export function accept(next: ConfigItem, own: boolean): void {
  const before = config.peek();
  config.value = { hex: next.hex, generation: next.generation };
  failure.value = undefined;
  if (!before || own || before.hex === next.hex) return;
  const old = valuesOf(before.hex);
  const now = valuesOf(next.hex);
  // an answer to a write of this page may come later than the news of it
  const ours = new Map(pending.peek().map(({ offset, to }) => [offset, to]));
  const changed = bytes.filter(
    ({ offset }) => old[offset] !== now[offset] && ours.get(offset) !== now[offset],
  );
  if (changed.length === 0) return;
  flashing.value = new Set(changed.map(({ offset }) => offset));
  clearTimeout(fading);
  fading = setTimeout(() => (flashing.value = new Set()), flash);
  announce(
    `Changed elsewhere: ${changed.map(({ offset, name }) => `${name} is now ${now[offset]}`).join(", ")}`,
  );
}

export async function load(): Promise<void> {
  try {
    accept(await ask<ConfigItem>("/config"), false);
  } catch (error) {
    failure.value = failureOf(error);
  }
}

/** Writes one byte, if it still is what the page shows. */
export async function write(edit: Edit, undoing = false): Promise<void> {
  const { offset, from, to } = edit;
  if (from === to) return;
  refused.value = undefined;
  pending.value = [...pending.value, edit];
  try {
    const body = { offset, value: to, expect: from };
    accept(await ask<ConfigItem>("/config", { method: "POST", body }), true);
    done.value = undoing ? done.value.slice(0, -1) : [...done.value, edit];
    announce(`${bytes[offset]?.name ?? addressOf(offset)} is ${to}`);
  } catch (error) {
    await load();
    const now = valuesOf(config.value?.hex ?? "")[offset] ?? from;
    const why = failureOf(error);
    refused.value = { offset, from: now, to, failure: why };
  } finally {
    pending.value = pending.value.filter((each) => each !== edit);
  }
}

/** Takes back the last change that was made from here. */
export async function undo(): Promise<void> {
  const last = done.value.at(-1);
  if (last) await write({ offset: last.offset, from: last.to, to: last.from }, true);
}

/** Writes the hash of an address. @throws Failure */
export async function setRegistry(url: string): Promise<void> {
  accept(await ask<ConfigItem>("/config", { method: "POST", body: { registry: url } }), true);
}
