import type { Actor, Crash, Store } from "../store/types.ts";
import { openAccessLog, type AccessLog } from "./access-log.ts";
import { openCheckpoints } from "./checkpoint.ts";
import { openContents, type Contents } from "./contents.ts";
import { isDamage, openHistory, type History, type Plan } from "./history.ts";
import { findIdentity, type FoundIdentity, type IdentityOptions } from "./identity/find.ts";
import { keyFileOf, type AskPassphrase } from "./identity/key-file.ts";
import { administrators, isCurrent } from "./members.ts";
import { makeIdentity, type Keep, type MadeIdentity } from "./identity/make.ts";
import { openPins } from "./pin.ts";
import { locked } from "./problems.ts";
import type { Identity, MemberState, RecordPlace, VaultState } from "./types.ts";

export interface VaultOptions {
  readonly store: Pick<Store, "ledger" | "manifests" | "driver">;
  /** of this machine, outside of what the store keeps: key file, pins, access logs */
  readonly folder: string;
  /** names the store on this machine; part of a file name */
  readonly storeId: string;
  readonly who: Actor;
  /** asked for when it is needed, once */
  readonly passphrase: AskPassphrase;
  /** where the identity may come from besides the keychain and the key file */
  readonly from?: Omit<IdentityOptions, "folder" | "passphrase">;
  /** something was changed by this process */
  readonly changed?: () => void;
  readonly crash?: (point: Parameters<Crash>[0] | "slot" | "pin") => void;
}

/** The newest state of a vault, and what opens it here. */
export interface Opened {
  readonly state: VaultState;
  readonly identity: Identity;
  /** the identity as the history has it */
  readonly me: MemberState;
  readonly contents: Contents;
  readonly log: AccessLog;
}

/** What every verb works with. */
export interface Session extends Required<VaultOptions> {
  readonly history: History;
  /** Of this process; undefined when there is none. @throws E_VAULT_LOCKED */
  lookForIdentity(): Promise<FoundIdentity | undefined>;
  /** The same; made where there is none. */
  ensureIdentity(keep: Keep): Promise<MadeIdentity & { readonly made: boolean }>;
  /** The verified state of now. @throws E_VAULT_LOCKED, E_VAULT_NOT_FOUND, E_VAULT_DAMAGED, E_VAULT_ROLLBACK */
  use(): Promise<Opened>;
  /** The same for a look that does not change anything; once more where the vault was changed beneath it. */
  look<T>(work: (opened: Opened) => Promise<T>): Promise<T>;
  /**
   * One signed event. `plan` is asked again whenever another writer was faster.
   * @param plan gets the time of the event; undefined: nothing is to be done
   */
  append(plan: (opened: Opened, at: number) => Promise<Plan | undefined>): Promise<void>;
}

export function openSession(given: VaultOptions): Session {
  const options = { crash: () => {}, changed: () => {}, from: {}, ...given };
  const { store, folder, storeId, who, passphrase, crash, from } = options;

  let found: Promise<FoundIdentity | undefined> | undefined;
  const lookForIdentity = () => (found ??= findIdentity({ folder, passphrase, ...from }));
  const identity = async (): Promise<Identity> => {
    const known = await lookForIdentity();
    if (known) return known.identity;
    throw locked(
      `there is no identity: neither in the keychain nor in ${keyFileOf(folder)}`,
      undefined,
      [
        "make one, and show its public id to an administrator: citadel secrets:identity",
        "or name one: CITADEL_IDENTITY_FILE, --identity-fd",
      ],
    );
  };

  const history = openHistory({
    ...{ store, who, crash, pins: openPins(folder, storeId) },
    checkpoints: async () => openCheckpoints(folder, storeId, await identity()),
  });
  let unlocked: Promise<Pick<Opened, "identity" | "contents" | "log">> | undefined;
  const unlock = async (state: VaultState) => {
    const me = await identity();
    const contents = openContents(store, me, crash);
    return { identity: me, contents, log: openAccessLog(folder, state.id, administrators(state)) };
  };

  const opened = async (state: VaultState): Promise<Opened> => {
    const known = await (unlocked ??= unlock(state));
    const me = state.members.get(known.identity.member.kid);
    if (!me || !isCurrent(me, Date.now()))
      throw locked(
        `the identity of this machine is ${me ? "a member of this vault no longer" : "no member of this vault"}`,
      );
    return { state, me, ...known };
  };

  const use = async (): Promise<Opened> => opened(await history.state());

  return {
    ...options,
    history,
    lookForIdentity,
    async ensureIdentity(keep) {
      const known = await lookForIdentity();
      if (known) return { ...known, made: false };
      const made = await makeIdentity({ folder, passphrase, ...from }, keep);
      found = Promise.resolve(made);
      return { ...made, made: true };
    },
    use,
    async look(work) {
      for (;;) {
        const before = await use();
        try {
          return await work(before);
        } catch (error) {
          // a key or a record may have been given up since: that is no damage
          if (!isDamage(error) || (await history.state()).seq === before.state.seq) throw error;
        }
      }
    },
    async append(plan) {
      const { identity } = await use();
      await history.append(identity, async (state, at) => plan(await opened(state), at));
      options.changed();
    },
  };
}

/** Where a record that is about to be sealed belongs. */
export function placeOf(
  { state: { id: v }, me: { kid: by } }: Pick<Opened, "state" | "me">,
  at: number,
  more: Pick<RecordPlace, "s" | "g" | "id" | "n" | "k" | "rf">,
): RecordPlace {
  return { f: 1, v, by, at, ...more };
}
