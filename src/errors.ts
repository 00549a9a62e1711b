import { mask } from "./config/mask.ts";
import { storeCode, type StoreErrorCode } from "./driver/error.ts";

/** One row of the error table: exit code and HTTP status, whether a retry can help, and what to do next. */
export interface ErrorRow {
  /** process exit code, `docs/errors.md` */
  readonly exit: number;
  /** HTTP status */
  readonly status: number;
  readonly retryable?: true;
  /** what to do next; a thrower that knows better passes its own */
  readonly hint: readonly string[];
}

/** Every error code of Citadel, once. `docs/errors.md` has a section for each; a test compares both ways. */
export const errors = {
  E_FAILED: { exit: 1, status: 500, hint: ["run again with --verbose, and report it if it stays"] },
  E_ACCESS_LOG: { exit: 1, status: 500, hint: ["see that the file can be written"] },
  E_ROTATION: {
    exit: 1,
    status: 500,
    hint: ["see what the program says on its own, then go on: citadel secrets:rotate <name>"],
  },
  E_USAGE: { exit: 2, status: 400, hint: ["see --help"] },
  E_CONFIG: { exit: 2, status: 500, hint: ["see where each value comes from: citadel config"] },

  E_SERVER_KEY: {
    exit: 2,
    status: 500,
    hint: ["give all servers of this store the same CITADEL_SERVER_KEY"],
  },

  E_PACKAGE_NOT_FOUND: {
    exit: 4,
    status: 404,
    hint: ["list what there is: citadel local:list-packages"],
  },
  E_VERSION_NOT_FOUND: {
    exit: 4,
    status: 404,
    hint: ["list what there is: citadel local:list-packages"],
  },
  E_TAG_NOT_FOUND: { exit: 4, status: 404, hint: ["see the tags: npm dist-tag ls <package>"] },
  E_USER_NOT_FOUND: { exit: 4, status: 404, hint: ["make the account first: npm adduser"] },
  E_ORG_NOT_FOUND: {
    exit: 4,
    status: 404,
    hint: ["make it, or ask one of its owners to take you in: npm org set <org> <user>"],
  },
  E_NOT_FOUND: { exit: 4, status: 404, hint: ["check the address"] },
  E_VAULT_NOT_FOUND: { exit: 4, status: 404, hint: ["make one: citadel secrets:init"] },
  E_SECRET_NOT_FOUND: {
    exit: 4,
    status: 404,
    hint: ["list what there is: citadel secrets:list"],
  },
  E_SECRET_GONE: {
    exit: 4,
    status: 410,
    hint: ["see the versions: citadel secrets:versions <name>"],
  },

  E_VERSION_EXISTS: { exit: 5, status: 409, hint: ["publish under a new version number"] },
  E_STAGE_FULL: {
    exit: 5,
    status: 409,
    hint: ["approve or reject some of them: npm stage list <package>"],
  },
  E_HOOKS_FULL: {
    exit: 5,
    status: 409,
    hint: ["remove one of them: npm hook ls, npm hook rm <id>"],
  },
  E_USER_EXISTS: { exit: 5, status: 409, hint: ["choose another name"] },
  E_VAULT_EXISTS: { exit: 5, status: 409, hint: ["use it: citadel secrets:set <name>"] },
  E_CONFLICT: {
    exit: 5,
    status: 409,
    retryable: true,
    hint: ["read the newest state and try again"],
  },
  E_NAME_UPSTREAM: {
    exit: 5,
    status: 409,
    hint: [
      "publish below a scope of yours, or ask an administrator to name it in upstream.private",
    ],
  },
  E_PORT_IN_USE: { exit: 5, status: 500, hint: ["choose another port: citadel serve --port 4874"] },

  E_INTEGRITY: { exit: 6, status: 500, hint: ["find the damage: citadel verify"] },
  E_HISTORY: { exit: 6, status: 500, hint: ["find the damage: citadel verify"] },
  E_VAULT_DAMAGED: { exit: 6, status: 500, hint: ["bring the store back from a copy"] },
  E_VAULT_ROLLBACK: {
    exit: 6,
    status: 500,
    hint: ["bring the newest state of the store back", "ask who changed the store, and when"],
  },

  E_STORE_UNAVAILABLE: {
    exit: 7,
    status: 503,
    retryable: true,
    hint: ["check the store's address: citadel config --get store.documents"],
  },
  E_STORE_UNKNOWN: {
    exit: 7,
    status: 503,
    retryable: true,
    hint: ["look whether the change arrived, then try again"],
  },
  E_STORE_FULL: { exit: 7, status: 507, hint: ["free some space: citadel local:cleanup"] },

  E_STORAGE_QUOTA: {
    exit: 7,
    status: 507,
    hint: ["unpublish what nobody needs, or raise the limit: limits.storage"],
  },

  E_REMOTE_UNAVAILABLE: {
    exit: 7,
    status: 503,
    retryable: true,
    hint: ["look whether the other server runs and can be reached from here"],
  },
  E_REMOTE_TIMEOUT: {
    exit: 7,
    status: 504,
    retryable: true,
    hint: ["try again; if it stays so, give the other server more time"],
  },
  E_REMOTE_ANSWER: {
    exit: 7,
    status: 502,
    retryable: true,
    hint: ["look at what the other server answers at this address"],
  },
  E_REMOTE_REFUSED: {
    exit: 8,
    status: 502,
    hint: ["give a token of the other registry that may read it"],
  },
  E_REMOTE_ADDRESS: {
    exit: 8,
    status: 502,
    hint: ["allow the host explicitly if it is meant"],
  },

  E_BROKER: {
    exit: 7,
    status: 503,
    hint: ["an administrator sees why on the server: citadel secrets:status"],
  },
  E_ISSUER_UNAVAILABLE: {
    exit: 7,
    status: 503,
    retryable: true,
    hint: ["look whether the issuer of the ID tokens can be reached from the registry"],
  },

  E_AUTH_REQUIRED: { exit: 8, status: 401, hint: ["log in: npm login --registry <this registry>"] },
  E_AUTH_INVALID: {
    exit: 8,
    status: 401,
    hint: ["log in again: npm login --registry <this registry>"],
  },
  E_TOKEN_EXPIRED: {
    exit: 8,
    status: 401,
    hint: ["make a new one: npm token create, or log in again: npm login"],
  },
  E_TOKEN_REVOKED: {
    exit: 8,
    status: 401,
    hint: ["log in again: npm login --registry <this registry>"],
  },
  E_TOKEN_ADDRESS: {
    exit: 8,
    status: 401,
    hint: ["use it from an address of its list: npm token list"],
  },
  E_TRUST_REFUSED: {
    exit: 8,
    status: 401,
    hint: ["an administrator sees why: citadel registry:trust:test <package>"],
  },
  E_OTP_REQUIRED: {
    exit: 8,
    status: 401,
    hint: ["give the code of your authenticator app: --otp=123456"],
  },
  E_RATE_LIMIT: { exit: 8, status: 429, retryable: true, hint: ["wait, then try again"] },
  E_VAULT_LOCKED: {
    exit: 8,
    status: 403,
    hint: ["look where the key file is: docs/secrets.md"],
  },
  E_SECRET_DENIED: {
    exit: 8,
    status: 403,
    hint: [
      "see why: citadel secrets:policy:explain <action> <name>",
      "ask an administrator of the vault: citadel secrets:member:list",
    ],
  },
  E_FORBIDDEN: {
    exit: 8,
    status: 403,
    hint: ["ask an owner of the package: npm owner ls <package>"],
  },

  E_INVALID_NAME: {
    exit: 2,
    status: 400,
    hint: ["see the rules for package names: docs/publishing.md"],
  },
  E_INVALID_VERSION: { exit: 2, status: 400, hint: ["use a semantic version such as 1.2.3"] },
  E_INVALID_RULES: {
    exit: 2,
    status: 400,
    hint: ["see how rules are written: docs/secrets.md"],
  },
  E_INVALID_SECRET: { exit: 2, status: 400, hint: ["see the rules: docs/secrets.md"] },
  E_INVALID_TAG: {
    exit: 2,
    status: 400,
    hint: ["use a word that is not a version range, such as next"],
  },
  E_INVALID_DOCUMENT: {
    exit: 2,
    status: 400,
    hint: ["compare it with what the documentation asks for"],
  },
  E_INVALID_TARBALL: { exit: 2, status: 400, hint: ["pack again: npm pack"] },
  E_MANIFEST_MISMATCH: {
    exit: 9,
    status: 400,
    hint: ["pack and publish from the same folder in one step"],
  },
  E_LEAK: { exit: 9, status: 400, hint: ["take them out of the package"] },
  E_DANGEROUS_VARIABLE: {
    exit: 9,
    status: 400,
    hint: ["give it another name: --map NAME=<secret>"],
  },
  E_POLICY: {
    exit: 9,
    status: 403,
    hint: ["see why: citadel registry:policy:test <package@version>"],
  },
  E_TOO_LARGE: {
    exit: 2,
    status: 413,
    hint: ['leave files out with .npmignore or "files", or raise the limit'],
  },
  E_BAD_REQUEST: {
    exit: 2,
    status: 400,
    hint: ["compare the request with what the documentation asks for"],
  },
  E_WRONG_HOST: {
    exit: 2,
    status: 421,
    hint: ["name this host in server.hosts, or set server.publicUrl"],
  },
  E_UPGRADE_REQUIRED: {
    exit: 2,
    status: 426,
    hint: ["open a WebSocket with the subprotocol citadel.json.v1: docs/live-protocol.md"],
  },
  E_CROSS_ORIGIN: {
    exit: 8,
    status: 403,
    hint: ["send the request from the registry's own pages or from a client"],
  },

  E_RUN_UNCONFIRMED: {
    exit: 9,
    status: 500,
    hint: ["pass --yes, or name the package in bunx.allow"],
  },
  E_NAME_CONFUSION: {
    exit: 9,
    status: 500,
    hint: ["name the package with the program you mean: --bin <program>"],
  },
  E_SPEC_REFUSED: {
    exit: 9,
    status: 500,
    hint: ["publish it to the registry, or allow it: --allow-git, --allow-remote"],
  },
  E_BIN_NOT_FOUND: { exit: 4, status: 500, hint: ["choose one: --bin <program>"] },
  E_NOT_CACHED: { exit: 4, status: 500, hint: ["run it once where the registry answers"] },
  E_RUNTIME_NOT_FOUND: { exit: 4, status: 500, hint: ["install it, and see that PATH names it"] },
  E_PACKAGE_UNSOUND: {
    exit: 6,
    status: 500,
    hint: ["do not run it; tell those who published it"],
  },
  E_PREPARE: {
    exit: 1,
    status: 500,
    hint: ["see what npm says of it: npm install <package>"],
  },

  E_CANCELLED: { exit: 10, status: 499, hint: ["run it again"] },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errors;

/** The one error that Citadel throws on purpose; everything else is a defect. */
export class CitadelError extends Error {
  override readonly name = "CitadelError";
  readonly code: ErrorCode;
  readonly hint: readonly string[];
  /** seconds after which another try makes sense */
  readonly retryAfter: number | undefined;
  constructor(
    code: ErrorCode,
    message: string,
    more: { hint?: readonly string[]; cause?: unknown; retryAfter?: number } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.hint = more.hint ?? errors[code].hint;
    this.retryAfter = more.retryAfter;
  }
}

const fromStore: Record<StoreErrorCode, ErrorCode> = {
  CONFLICT: "E_CONFLICT",
  UNKNOWN: "E_STORE_UNKNOWN",
  UNAVAILABLE: "E_STORE_UNAVAILABLE",
  INVALID: "E_FAILED",
  TOO_LARGE: "E_TOO_LARGE",
  RANGE: "E_FAILED",
  CORRUPT: "E_INTEGRITY",
  CHANGED: "E_CONFLICT",
  DENIED: "E_STORE_UNAVAILABLE",
  FULL: "E_STORE_FULL",
  UNSUPPORTED: "E_CONFIG",
  ABORTED: "E_CANCELLED",
  CLOSED: "E_STORE_UNAVAILABLE",
};

/** The table's code of any thrown value; undefined for a defect. Works across copies of this package. */
export function errorCode(error: unknown): ErrorCode | undefined {
  const store = storeCode(error);
  if (store) return fromStore[store];
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" && Object.hasOwn(errors, code) ? (code as ErrorCode) : undefined;
}

/** The public form of an error: CLI `--json`, HTTP API. `E_FAILED` for defects, whose message stays inside. */
export interface ErrorObject {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: readonly string[];
  readonly docs: string;
  readonly exit: number;
  readonly status: number;
  readonly retryable: boolean;
}

/** Any thrown value as the public error object; never carries a stack, an argument or an environment value. */
export function errorObject(error: unknown): ErrorObject {
  const code = errorCode(error) ?? "E_FAILED";
  const row: ErrorRow = errors[code];
  const known = errorCode(error) !== undefined;
  const hint = (error as { hint?: unknown } | undefined)?.hint;
  return {
    code,
    message: known ? mask((error as Error).message) : "an unexpected error",
    hint: Array.isArray(hint) ? hint.map(String) : row.hint,
    docs: `errors#${code}`,
    exit: row.exit,
    status: row.status,
    retryable: row.retryable === true,
  };
}
