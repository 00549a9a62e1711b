/** Goes up with every change below; a file of another version is thrown away and made again. */
export const version = 5;

/**
 * Tables of the catalog. Times are ms since 1970, sizes bytes.
 *
 * - `packages`: one row per live version.
 * - `names`: one row per document, with its etag. `versions` is 0 when everything was unpublished; such rows are never shown.
 *   `id` grows with `modified`, so that "newest first" is the order of row ids, which FTS5 gives without sorting.
 * - `holders`: who has to do with a package, by the `id` of its name: its owners, its teams, who starred it.
 * - `programs`: what the newest version of a package brings to run, by the `id` of its name.
 * - `needs`: what the newest version of a package depends on, by the `id` of its name.
 * - `secrets`: the current version of every secret that this machine's identity can open, as it knew them last; `sealed` is the
 *   record as it lies in the store, `record` its SHA-256.
 * - `search`: full text of `names`, same ids, keeps no copy of the text.
 */
export const schema = `
CREATE TABLE packages (
  uuid TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  scope TEXT,
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  integrity TEXT NOT NULL,
  compressed INTEGER NOT NULL CHECK (compressed IN (0, 1)),
  encrypted INTEGER NOT NULL CHECK (encrypted IN (0, 1)),
  size INTEGER NOT NULL,
  stored_size INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (name, version)
) WITHOUT ROWID;

CREATE TABLE names (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  key TEXT NOT NULL UNIQUE,
  etag TEXT NOT NULL,
  scope TEXT,
  bare TEXT NOT NULL,
  version TEXT NOT NULL,
  versions INTEGER NOT NULL,
  size INTEGER NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  deprecated TEXT,
  restricted INTEGER NOT NULL CHECK (restricted IN (0, 1)),
  info TEXT NOT NULL CHECK (json_valid(info))
);
CREATE INDEX names_scope ON names (scope, name, versions, size);
CREATE INDEX names_bare ON names (bare);
CREATE INDEX names_restricted ON names (id) WHERE restricted = 1;

CREATE TABLE holders (
  kind TEXT NOT NULL CHECK (kind IN ('owner', 'team', 'star')),
  who TEXT NOT NULL,
  id INTEGER NOT NULL,
  write INTEGER NOT NULL CHECK (write IN (0, 1)),
  PRIMARY KEY (kind, who, id)
) WITHOUT ROWID;
CREATE INDEX holders_id ON holders (id);

CREATE TABLE programs (
  program TEXT NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (program, id)
) WITHOUT ROWID;
CREATE INDEX programs_id ON programs (id);

CREATE TABLE needs (
  name TEXT NOT NULL,
  id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  range TEXT NOT NULL,
  PRIMARY KEY (name, id, kind)
) WITHOUT ROWID;
CREATE INDEX needs_id ON needs (id);

CREATE VIRTUAL TABLE search USING fts5 (
  name, keywords, description, author, maintainers,
  content = '', contentless_delete = 1, tokenize = 'unicode61', prefix = '1 2 3'
);

CREATE TABLE secrets (
  name TEXT NOT NULL,
  scope TEXT NOT NULL DEFAULT '',
  type TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  record TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (scope, name)
) WITHOUT ROWID;

CREATE TABLE cache (
  key TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  integrity TEXT,
  timestamp INTEGER NOT NULL,
  ttl INTEGER,
  access_count INTEGER NOT NULL DEFAULT 0,
  last_accessed INTEGER NOT NULL
) WITHOUT ROWID;

PRAGMA user_version = ${version};
`;
