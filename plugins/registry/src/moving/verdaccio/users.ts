import { readFile } from "node:fs/promises";
import type { Citadel } from "@citadel/core";
import { checkUserName, fromHtpasswd, userKind, type Caller } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import { problemOf } from "../problem.ts";
import type { Problem } from "../source.ts";

/** An account as an htpasswd file has it. */
export interface HtpasswdUser {
  readonly name: string;
  /** as accounts keep it, see `fromHtpasswd` */
  readonly password: string;
}

/** @throws E_USAGE when there is no such file */
export async function readHtpasswd(
  path: string,
): Promise<{ readonly users: readonly HtpasswdUser[]; readonly problems: readonly Problem[] }> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, {
      hint: ["name the file of the accounts: --htpasswd <file>, or leave them behind: --no-users"],
      cause: error,
    });
  });
  const users = new Map<string, HtpasswdUser>();
  const problems: Problem[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [name = "", hash = ""] = line.split(":", 3).map((part) => part.trim());
    if (name === "" || name.startsWith("#")) continue;
    try {
      const password = fromHtpasswd(hash);
      if (password === undefined)
        throw new CitadelError("E_INVALID_DOCUMENT", "the form of the password is not known");
      users.set(name, { name: checkUserName(name), password });
    } catch (error) {
      problems.push(problemOf(error, `user ${name.slice(0, 214)}`));
    }
  }
  return { users: [...users.values()], problems };
}

/** Makes the accounts that are not here; those that are stay as they are. */
export async function importUsers(
  { store }: Citadel,
  { principal, via }: Caller,
  users: readonly HtpasswdUser[],
  dryRun: boolean,
): Promise<{ readonly added: number; readonly unchanged: number }> {
  const ledger = store.ledger(userKind());
  let added = 0;
  for (const { name, password } of users) {
    if (dryRun) {
      if (!(await ledger.read(name))) added++;
      continue;
    }
    let isNew = false;
    await ledger.change(name, { name: principal.name, via }, (state) => {
      isNew = !state;
      return state ? [] : [{ type: "create", email: "", password }];
    });
    if (isNew) added++;
  }
  return { added, unchanged: users.length - added };
}
