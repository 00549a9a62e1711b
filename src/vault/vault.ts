import { randomBytes } from "node:crypto";
import { CitadelError } from "../errors.ts";
import { lazy } from "../lazy.ts";
import type { Vault } from "./api.ts";
import { audit } from "./audit.ts";
import { openContents } from "./contents.ts";
import { openSession, type VaultOptions } from "./session.ts";
import { change, clean, describe, describeScope, destroy, purge } from "./verbs/lifecycle.ts";
import { explain, getPolicy, setPolicy } from "./verbs/policy.ts";
import { due, get, list, versions } from "./verbs/read.ts";
import { restoreScope } from "./verbs/restore.ts";
import { begin, rotate, rotating, step } from "./verbs/rotate.ts";
import { rows } from "./verbs/rows.ts";
import { sync } from "./verbs/sync.ts";
import { rollback, set } from "./verbs/write.ts";
import { memberVerbs } from "./verbs/members.ts";

export type { VaultOptions } from "./session.ts";

export function openVault(options: VaultOptions): Vault {
  const session = openSession(options);
  const { store, history, crash, use, ensureIdentity } = session;
  const traces = lazy(async () => (await import("./verbs/traces.ts")).createTraces(session));
  return {
    unlock: async () => void (await use()),
    set: (which, value, options) => set(session, which, value, options),
    get: (which, options) => get(session, which, options),
    lend: async (which, asker, options = {}) =>
      (await import("./verbs/lend.ts")).lend(session, which, asker, options),
    lendable: async (scope, asker) =>
      (await import("./verbs/lend.ts")).lendable(session, scope, asker),
    list: (scope) => list(session, scope),
    versions: (which) => versions(session, which),
    change: (op, which, ns) => change(session, op, which, ns),
    destroy: (which, ns) => destroy(session, which, ns),
    purge: (which) => purge(session, which),
    describe: (which, said) => describe(session, which, said),
    describeScope: (scope, said) => describeScope(session, scope, said),
    rollback: (which, n, options) => rollback(session, which, n, options),
    restoreScope: (scope, date, options) => restoreScope(session, scope, date, options),
    rotate: (which, value, said) => rotate(session, which, value, said),
    beginRotation: (which, value) => begin(session, which, value),
    rotating: (which) => rotating(session, which),
    step: (which, r, done, grace) => step(session, which, r, done, grace),
    due: (until) => due(session, until),
    clean: (options) => clean(session, options),
    rows: () => rows(session),
    setPolicy: (text) => setPolicy(session, text),
    getPolicy: () => getPolicy(session),
    explain: (action, about, more = {}) => explain(session, action, about, more),
    ...memberVerbs(session),
    sync: (other, options) => sync(session, other, options),
    async acceptFork() {
      const found = await session.lookForIdentity();
      const given = found && (await history.acceptFork(found.identity));
      return given === undefined ? {} : { given };
    },

    traces: async () => (await traces())(),
    take: async (items, options) => (await import("./verbs/take.ts")).take(session, items, options),
    ageIdentity: async () => (await use()).identity.age,

    async init({ keep = "any" } = {}) {
      if (await history.exists())
        throw new CitadelError("E_VAULT_EXISTS", "this store has a vault already");
      await history.state().catch((error: unknown) => {
        if (!(error instanceof CitadelError) || error.code !== "E_VAULT_NOT_FOUND") throw error;
      });
      const { identity, made, source, where, notInKeychain } = await ensureIdentity(keep);
      const s = randomBytes(16).toString("base64url");
      const { sign, age, kid } = identity.member;
      const { slot, key } = await openContents(store, identity, crash).newSlot(s, 1, [
        identity.member,
      ]);
      const { id } = await history.begin(identity, {
        operation: { op: "genesis", sign, age, s, slot },
        keep: [key],
      });
      return {
        ...{ vault: id, member: kid, source, where, made },
        ...(notInKeychain !== undefined && { notInKeychain }),
      };
    },

    async audit({ verify = false } = {}) {
      const opened = await use();
      const steps = await Array.fromAsync(history.past(), ({ event }) => event);
      return audit({ ...opened, events: steps }, verify);
    },
  };
}
