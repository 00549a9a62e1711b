import { CitadelError } from "../errors.ts";
import type { Actor, Crash, Store } from "../store/types.ts";
import { openAccessLog, type AccessLog } from "./access-log.ts";
import { openContents, type Contents } from "./contents.ts";
import { openHistory, type History, type Plan } from "./history.ts";
import { keyFileOf, openKeyFile } from "./key-file.ts";
import { administrators, isCurrent } from "./members.ts";
import { openPins } from "./pin.ts";
import type { Identity, MemberState, RecordPlace, VaultState } from "./types.ts";

export interface VaultOptions {
  readonly store: Pick<Store, "ledger" | "manifests" | "driver">;
  /** of this machine, outside of what the store keeps: key file, pins, access logs */
  readonly folder: string;
  /** names the store on this machine; part of a file name */
  readonly storeId: string;
  readonly who: Actor;
  /** asked for when it is needed, once */
  readonly passphrase: (use: "new" | "known") => Promise<string>;
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
  const options = { crash: () => {}, ...given };
  const { store, folder, storeId, who, passphrase, crash } = options;
  const history = openHistory({ store, who, crash, pins: openPins(folder, storeId) });
  let unlocked: Promise<{ identity: Identity; contents: Contents; log: AccessLog }> | undefined;

  const unlock = async (state: VaultState) => {
    const identity = await openKeyFile(folder, () => passphrase("known"));
    if (!identity)
      throw new CitadelError("E_VAULT_LOCKED", `there is no key file: ${keyFileOf(folder)}`, {
        hint: ["copy the key file of the machine that made the vault, and keep its mode 0600"],
      });
    const contents = openContents(store, identity, crash);
    return { identity, contents, log: openAccessLog(folder, state.id, administrators(state)) };
  };

  const opened = async (state: VaultState): Promise<Opened> => {
    const known = await (unlocked ??= unlock(state));
    const me = state.members.get(known.identity.member.kid);
    if (!me || !isCurrent(me, Date.now()))
      throw new CitadelError(
        "E_VAULT_LOCKED",
        `the identity of this machine is ${me ? "a member of this vault no longer" : "no member of this vault"}`,
      );
    return { state, me, ...known };
  };

  const use = async (): Promise<Opened> => opened(await history.state());

  return {
    ...options,
    history,
    use,
    async look(work) {
      for (;;) {
        const before = await use();
        try {
          return await work(before);
        } catch (error) {
          // a key or a record may have been given up since: that is no damage
          if (!(error instanceof CitadelError) || error.code !== "E_VAULT_DAMAGED") throw error;
          if ((await history.state()).seq === before.state.seq) throw error;
        }
      }
    },
    async append(plan) {
      const { identity } = await use();
      await history.append(identity, async (state, at) => plan(await opened(state), at));
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
