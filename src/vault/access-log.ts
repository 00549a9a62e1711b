import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { CitadelError } from "../errors.ts";
import type { Action } from "./policy/document.ts";
import { openRaw, sealSlot } from "./slot.ts";
import type { Identity, Member } from "./types.ts";

/** What a value is handed out for. */
export type Use = "get" | "run" | "export" | "rotate";

/** Somebody without a key, who asked a server for a value. */
export interface Caller {
  /** `user:ann`, or `oidc:github` and the subject of the token */
  readonly who: string;
  readonly address?: string;
  /** the job, where its pages or its claims tell */
  readonly run?: string;
}

/** A value was handed out, or somebody was not allowed something. Of secrets ids and numbers only. */
export interface AccessEntry {
  /** 1, 2, … on this machine */
  readonly i: number;
  /** ms since 1970 */
  readonly at: number;
  /** what it was handed out for, or that it was not */
  readonly op: Use | "lend" | "deny";
  readonly id: string;
  /** version; 0: none in particular */
  readonly n: number;
  /** what was denied */
  readonly action?: Action;
  /** the statement that denied it; `none`: no statement allowed it; `key`: this identity has no key of the scope */
  readonly why?: string;
  /** who asked the server that this machine is */
  readonly caller?: Caller;
  /** it had expired, and was asked for all the same */
  readonly expired?: true;
  /** key id of the reader */
  readonly by: string;
}

export interface AccessLog {
  /** Durable when it resolves. @throws E_ACCESS_LOG, and then nothing may be handed out */
  append(entry: Omit<AccessEntry, "i" | "at">): Promise<void>;
  /** All entries, oldest first, and the number of the first that is not what was written. */
  read(identity: Identity): Promise<{
    readonly items: readonly AccessEntry[];
    /** false: only administrators of the day on which the log began can tell */
    readonly checked: boolean;
    readonly bad?: number;
  }>;
}

/**
 * What this machine has handed out of a vault. Each entry carries an HMAC-SHA-256 under a key that is replaced by its HKDF
 * right after, so that who takes the machine later cannot write the past anew; the first key is sealed to the administrators.
 */
export function openAccessLog(
  folder: string,
  vault: string,
  administrators: readonly Pick<Member, "age">[],
): AccessLog {
  const path = join(folder, `access-${vault}.db`);
  const opened = async (): Promise<DatabaseSync> => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await (await open(path, "a", 0o600)).close();
    const { DatabaseSync: Database } = await import("node:sqlite");
    const database = new Database(path, { timeout: 10_000 });
    database.exec(
      "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON;",
    );
    database.exec(schema);
    if (!database.prepare("SELECT 1 FROM chain").get()) {
      const first = randomBytes(32);
      database.prepare("INSERT OR IGNORE INTO chain VALUES (1, 1, ?, ?)").run(
        first,
        await sealSlot(
          first,
          administrators.map(({ age }) => age),
        ),
      );
    }
    return database;
  };

  return {
    async append(entry) {
      try {
        const database = await opened();
        try {
          database.exec("BEGIN IMMEDIATE");
          const { next, key } = database
            .prepare("SELECT next, key FROM chain")
            .get() as unknown as Chain;
          const body = JSON.stringify({ i: next, at: Date.now(), ...entry });
          database.prepare("INSERT INTO entry VALUES (?, ?, ?)").run(next, body, mac(key, body));
          database.prepare("UPDATE chain SET next = ?, key = ?").run(next + 1, after(key));
          database.exec("COMMIT");
        } finally {
          database.close();
        }
      } catch (error) {
        throw new CitadelError(
          "E_ACCESS_LOG",
          `${path} cannot be written, so no value is handed out`,
          { cause: error },
        );
      }
    },

    async read(identity) {
      const database = await opened();
      try {
        const rows = database
          .prepare("SELECT i, body, mac FROM entry ORDER BY i")
          .all() as unknown as Row[];
        const chain = database
          .prepare("SELECT next, key, sealed FROM chain")
          .get() as unknown as Chain;
        const first = await openRaw(chain.sealed, identity).catch(() => undefined);
        const items: AccessEntry[] = [];
        if (!first) return { items: rows.flatMap(({ body }) => parse(body) ?? []), checked: false };
        let key: Uint8Array = first;
        let bad: number | undefined;
        for (const [index, row] of rows.entries()) {
          const good = row.i === index + 1 && same(row.mac, mac(key, row.body));
          if (!good) bad ??= index + 1;
          const entry = parse(row.body);
          if (entry) items.push(entry);
          key = after(key);
        }
        if (chain.next !== rows.length + 1 || !same(chain.key, key)) bad ??= rows.length + 1;
        return { items, checked: true, ...(bad !== undefined && { bad }) };
      } finally {
        database.close();
      }
    },
  };
}

interface Chain {
  readonly next: number;
  readonly key: Uint8Array;
  /** age file */
  readonly sealed: Uint8Array;
}
interface Row {
  readonly i: number;
  readonly body: string;
  readonly mac: Uint8Array;
}

const schema = `
CREATE TABLE IF NOT EXISTS entry (i INTEGER PRIMARY KEY, body TEXT NOT NULL, mac BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS chain (
  only INTEGER PRIMARY KEY CHECK (only = 1), next INTEGER NOT NULL, key BLOB NOT NULL, sealed BLOB NOT NULL
);
`;

const mac = (key: Uint8Array, body: string): Buffer =>
  createHmac("sha256", key).update(body).digest();
const after = (key: Uint8Array): Buffer =>
  Buffer.from(hkdfSync("sha256", key, "", "citadel access log", 32));
const same = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b);

function parse(body: string): AccessEntry | undefined {
  try {
    return JSON.parse(body) as AccessEntry;
  } catch {
    return undefined;
  }
}
