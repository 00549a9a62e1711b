import { randomUUID } from "node:crypto";
import type { Actor, Document, Ledger } from "../../store/types.ts";
import { namesOf } from "../../store/walk.ts";
import { isBorn } from "../kind.ts";
import type { PackageDocument, PackageEvent, PackageState } from "../types.ts";
import type { BatchEvent, BatchState } from "./kind.ts";

const system: Actor = { name: "system", via: "system" };
/** turns of a change that meets new batches each time */
const attempts = 32;

/** Batches as the rest of the registry needs them. */
export interface Batches {
  /** The packages as everybody sees them: what a batch holds back is there once it is committed, and only then. */
  readonly packages: Ledger<PackageState, PackageEvent>;
  /** {@link Ledger.change} for somebody who publishes `version`: open batches that hold it back are given up. */
  claim(
    name: string,
    version: string,
    who: Actor,
    decide: (state: PackageState | undefined) => readonly PackageEvent[],
  ): Promise<PackageDocument | undefined>;
  open(who: Actor, versions: BatchState["versions"]): Promise<string>;
  /** Ends it, unless it has ended. @returns how it ended */
  end(id: string, how: "commit" | "abort", who?: Actor): Promise<BatchState["status"]>;
  /** Brings its packages to the state that it ended in. */
  settle(id: string): Promise<void>;
  /** Ends and settles what a crash left behind longer than `age` ms ago. @returns how many */
  tidy(age: number): Promise<number>;
}

export function createBatches(
  raw: Ledger<PackageState, PackageEvent>,
  batches: Ledger<BatchState, BatchEvent>,
): Batches {
  /** @returns those of the batches that have not ended */
  const settleIn = async (name: string, ids: Iterable<string>): Promise<ReadonlySet<string>> => {
    const open = new Set<string>();
    for (const id of ids) {
      const status = (await batches.read(id))?.state.status ?? "open";
      if (status === "open") open.add(id);
      else
        await raw.change(name, system, (state) =>
          state?.pending?.has(id)
            ? [{ type: "settle", batch: id, commit: status === "committed" }]
            : [],
        );
    }
    return open;
  };

  const settled = async (
    document: PackageDocument | undefined,
  ): Promise<PackageDocument | undefined> => {
    const pending = document?.state.pending;
    if (!document || !pending) return document;
    const open = await settleIn(document.name, pending.keys());
    return open.size === pending.size ? visible(document) : visible(await raw.read(document.name));
  };

  const end: Batches["end"] = async (id, how, who = system) => {
    const document = await batches.change(id, who, (state) =>
      state?.status === "open" ? [{ type: how }] : [],
    );
    return document?.state.status ?? "aborted";
  };

  /** @param version of which no open batch may hold one back */
  const change = async (
    name: string,
    who: Actor,
    decide: (state: PackageState | undefined) => readonly PackageEvent[],
    version?: string,
  ): Promise<PackageDocument | undefined> => {
    let open: ReadonlySet<string> = new Set();
    for (let n = 1; ; n++) {
      let met: PackageState["pending"];
      try {
        const document = await raw.change(name, who, (state) => {
          met = state?.pending;
          for (const [id, held] of met ?? [])
            if (!open.has(id) || held[0].version === version) throw new Unsettled(name);
          return decide(state && isBorn(state) ? state : undefined);
        });
        return visible(document);
      } catch (error) {
        if (!(error instanceof Unsettled) || n === attempts) throw error;
        for (const [id, held] of met ?? []) if (held[0].version === version) await end(id, "abort");
        open = await settleIn(name, met?.keys() ?? []);
      }
    }
  };

  const settle: Batches["settle"] = async (id) => {
    const state = (await batches.read(id))?.state;
    if (!state || state.status === "open" || state.settled) return;
    await Promise.all(Object.keys(state.versions).map((name) => settleIn(name, [id])));
    await batches.change(id, system, (now) => (now && !now.settled ? [{ type: "settled" }] : []));
  };

  return {
    packages: {
      ...raw,
      async read(name, options) {
        return settled(await raw.read(name, options));
      },
      async glance(name) {
        return settled(await raw.glance(name));
      },
      change: (name, who, decide) => change(name, who, decide),
    },
    claim: (name, version, who, decide) => change(name, who, decide, version),
    async open(who, versions) {
      const id = randomUUID();
      await batches.change(id, who, () => [{ type: "open", versions }]);
      return id;
    },
    end,
    settle,
    async tidy(age) {
      const before = Date.now() - age;
      let count = 0;
      for await (const id of namesOf(batches)) {
        const state = (await batches.read(id))?.state;
        if (!state || state.settled || state.created > before) continue;
        await end(id, "abort");
        await settle(id);
        count++;
      }
      return count;
    },
  };
}

/** A document that holds back what may have been decided meanwhile. */
class Unsettled extends Error {
  constructor(name: string) {
    super(`${name} holds back versions of a batch`);
  }
}

const visible = (
  document: Document<PackageState> | undefined,
): Document<PackageState> | undefined =>
  document && isBorn(document.state) ? document : undefined;
