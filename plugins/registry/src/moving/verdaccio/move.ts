import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { environment, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import {
  applyRules,
  findVerdaccioConfig,
  readVerdaccioConfig,
  translateRules,
  type AppliedRules,
  type VerdaccioConfig,
} from "@citadel/core/verdaccio";
import { moveIn, type MoveOptions } from "../move.ts";
import type { Moved } from "../source.ts";
import { openVerdaccioStorage } from "./storage.ts";
import { takeTokens } from "./tokens.ts";
import { importUsers, readHtpasswd } from "./users.ts";

export interface VerdaccioOptions extends Omit<MoveOptions, "isUser"> {
  /** accounts; what the configuration says when left out, `false` for none */
  readonly htpasswd?: string | false;
  /** file of tokens that are to go on working here; `-` is standard input */
  readonly tokens?: string;
  /** whether its access rules are made here, too @default true */
  readonly rules?: boolean;
}

export interface MovedFromVerdaccio extends Moved {
  /** absolute path of the configuration; absent for a bare storage folder */
  readonly config?: string;
  /** absolute paths */
  readonly folders: readonly string[];
  readonly users: { readonly added: number; readonly unchanged: number; readonly failed: number };
  readonly tokens: { readonly added: number; readonly unchanged: number; readonly failed: number };
  /** patterns of the access rules; notes say what cannot be said here */
  readonly access: AppliedRules & { readonly notes: readonly string[] };
}

/**
 * Moves a Verdaccio in: access rules, accounts, packages; in this order, so that nothing is open in between. Its files are read and never changed; it may run on meanwhile.
 * @param path its configuration, the folder of that, or its storage folder
 * @throws E_USAGE, E_CONFIG
 */
export async function moveFromVerdaccio(
  citadel: Citadel,
  caller: Caller,
  path: string,
  { htpasswd, tokens, rules = true, ...options }: VerdaccioOptions = {},
  scratch: Scratch = new Set(),
): Promise<MovedFromVerdaccio> {
  const file = await findVerdaccioConfig(path);
  const config = file === undefined ? undefined : await readVerdaccioConfig(file, environment());
  const folders = config?.folders ?? [resolve(path)];
  const storage = await openVerdaccioStorage(folders);
  const accounts = htpasswd === false ? undefined : (htpasswd ?? htpasswdOf(config, folders[0]));
  const { users, problems } = accounts ? await readHtpasswd(accounts) : { users: [], problems: [] };
  const { dryRun = false } = options;
  const translated = translateRules(rules && config ? config : { rules: [] });
  const applied = await applyRules(citadel.access, translated.rules, caller, dryRun);
  const counted = await importUsers(citadel, caller, users, dryRun);
  const taken =
    tokens === undefined
      ? { added: 0, unchanged: 0, problems: [] }
      : await takeTokens(
          citadel,
          caller,
          { file: tokens, secret: storage.database.secret, folder: folders[0] ?? "" },
          dryRun,
        );
  const names = new Set(users.map(({ name }) => name));
  const isUser = async (name: string): Promise<boolean> =>
    names.has(name) || (await citadel.accounts.user(name)) !== undefined;
  const moved = await moveIn(citadel, caller, storage, { ...options, isUser }, scratch);
  return {
    ...moved,
    ...(config && { config: config.path }),
    folders,
    problems: [...storage.problems, ...problems, ...taken.problems, ...moved.problems],
    access: { ...applied, notes: translated.notes },
    users: { ...counted, failed: problems.length },
    tokens: {
      added: taken.added,
      unchanged: taken.unchanged,
      failed: taken.problems.length,
    },
  };
}

/** The file that the configuration names, or the one that lies in the storage folder as in Verdaccio's container. */
function htpasswdOf(
  config: VerdaccioConfig | undefined,
  folder: string | undefined,
): string | undefined {
  const found = config?.htpasswd?.file ?? join(folder ?? "", "htpasswd");
  return existsSync(found) ? found : undefined;
}
