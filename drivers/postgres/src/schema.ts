import { createHash, randomBytes } from "node:crypto";
import { checkClock, StoreError, type Capabilities, type OpOptions } from "@citadel/core/driver";
import type { Location } from "./location.ts";
import type { Pool } from "./pool.ts";

/** Bytes of one row of content. */
export const CHUNK = 1024 * 1024;

const FORMAT = 1;

/** The names of a store's tables, and of the channel on which its changes are called out. */
export const names = ({ schema, prefix }: Location) => {
  const table = (name: string): string => `"${schema}"."${prefix}${name}"`;
  const id = createHash("sha256").update(`${schema}.${prefix}`).digest("hex");
  return {
    entry: table("entry"),
    chunk: table("chunk"),
    upload: table("upload"),
    feed: table("feed"),
    store: table("store"),
    changed: table("changed"),
    expiry: `"${prefix}entry_expires"`,
    order: `"${prefix}feed_order"`,
    channel: `citadel_${id.slice(0, 16)}`,
    /** of the advisory lock for making the tables */
    lock: Number.parseInt(id.slice(0, 12), 16),
  };
};
export type Names = ReturnType<typeof names>;

/** ms since 1970 by the server's clock */
export const NOW = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

// An object of one chunk has it in its entry, out of the way of heads and lists. Each change of an entry, by whatever
// statement, frees the chunks that it leaves behind and is told to the feed, in the same transaction.
const tables = (t: Names): string => `
  CREATE TABLE ${t.entry} (
    key text COLLATE "C" PRIMARY KEY, etag text NOT NULL, size bigint NOT NULL, modified bigint NOT NULL,
    expires bigint, meta text, body bytea, blob text, CHECK ((body IS NULL) <> (blob IS NULL))
  );
  ALTER TABLE ${t.entry} ALTER body SET STORAGE EXTERNAL;
  CREATE INDEX ${t.expiry} ON ${t.entry} (expires) WHERE expires IS NOT NULL;
  CREATE TABLE ${t.chunk} (blob text COLLATE "C", n integer, data bytea NOT NULL, PRIMARY KEY (blob, n));
  ALTER TABLE ${t.chunk} ALTER data SET STORAGE EXTERNAL;
  -- blobs that no entry names yet; since 0: given up, to be freed
  CREATE TABLE ${t.upload} (blob text COLLATE "C" PRIMARY KEY, since bigint NOT NULL);
  CREATE TABLE ${t.feed} (id bigserial, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), key text NOT NULL);
  CREATE INDEX ${t.order} ON ${t.feed} (xid, id);
  CREATE TABLE ${t.store} (
    id integer PRIMARY KEY CHECK (id = 1), format integer NOT NULL, epoch text NOT NULL,
    -- up to where the feed was trimmed
    xid xid8 NOT NULL DEFAULT '0', feed bigint NOT NULL DEFAULT 0
  );
  CREATE FUNCTION ${t.changed}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP <> 'INSERT' AND OLD.blob IS NOT NULL THEN
        DELETE FROM ${t.chunk} WHERE blob = OLD.blob;
      END IF;
      INSERT INTO ${t.feed} (key) VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.key ELSE NEW.key END);
      RETURN NULL;
    END $$;
  CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON ${t.entry}
    FOR EACH ROW EXECUTE FUNCTION ${t.changed}();
  INSERT INTO ${t.store} (id, format, epoch) VALUES (1, ${FORMAT}, '${randomBytes(8).toString("hex")}');
`;

export interface Server {
  readonly version: string;
  readonly durable: Capabilities["durable"];
  readonly synchronousCommit: string;
}

/** Makes what is missing, and asks what the server promises. Throws UNSUPPORTED, DENIED, UNAVAILABLE. */
export async function prepare(pool: Pool, at: Location, options: OpOptions): Promise<Server> {
  const t = names(at);
  const look = `SELECT to_regclass('${t.store}') IS NOT NULL AS there`;
  const [found] = await pool.query(look, [], options);
  if (!found?.["there"]) await make(pool, at, t, options);
  const [store] = await pool.query(`SELECT format FROM ${t.store}`, [], options);
  if (store?.["format"] !== FORMAT)
    throw new StoreError(
      "UNSUPPORTED",
      `the store in PostgreSQL at ${at.label} was written by a newer version of Citadel (its format is ${String(store?.["format"])}, this one knows ${FORMAT})`,
    );
  const [settings] = await pool.query(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS commit,
       current_setting('synchronous_standby_names') AS standbys, ${NOW} AS now`,
    [],
    options,
  );
  const { version, fsync, commit, standbys } = settings as Record<string, string>;
  checkClock(`PostgreSQL at ${at.label}`, Number(settings?.["now"]));
  return {
    version: version ?? "unknown",
    durable: durability(fsync, commit, standbys),
    synchronousCommit: commit ?? "unknown",
  };
}

/** In one transaction, after whoever makes the same tables at the same time. */
async function make(pool: Pool, at: Location, t: Names, options: OpOptions): Promise<void> {
  await pool.query(
    `SELECT pg_advisory_xact_lock(${t.lock});
     DO $do$ BEGIN
       IF to_regnamespace('"${at.schema}"') IS NULL THEN CREATE SCHEMA "${at.schema}"; END IF;
       IF to_regclass('${t.store}') IS NULL THEN ${tables(t)} END IF;
     END $do$`,
    [],
    options,
  );
}

function durability(
  fsync: string | undefined,
  commit: string | undefined,
  standbys: string | undefined,
): Capabilities["durable"] {
  if (fsync !== "on" || commit === "off") return "process";
  return standbys && (commit === "on" || commit === "remote_apply") ? "node" : "power";
}
