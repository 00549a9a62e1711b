import { CitadelError } from "../../errors.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Names that make programs load, run or obey something. */
const dangerous: readonly RegExp[] = [
  /^(?:LD|DYLD|GIT|BASH_FUNC|NPM_CONFIG|BUN|YARN|PNPM|CITADEL|GCONV|MALLOC|GLIBC)_/,
  /^(?:NODE_OPTIONS|NODE_PATH|NODE_REPL_EXTERNAL_MODULE|NODE_EXTRA_CA_CERTS|NODE_TLS_REJECT_UNAUTHORIZED)$/,
  /^(?:PATH|PATHEXT|COMSPEC|HOME|USERPROFILE|SHELL|IFS|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|PS4|PROMPT_COMMAND|ZDOTDIR)$/,
  /^(?:PYTHON(?:STARTUP|PATH|HOME|WARNINGS|BREAKPOINT|INSPECT)|PERL(?:LIB|5(?:LIB|OPT|DB))|RUBY(?:OPT|LIB|PATH|SHELL)|GEM_PATH|BUNDLE_GEMFILE)$/,
  /^(?:_JAVA_OPTIONS|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|DOTNET_STARTUP_HOOKS|PHPRC|PHP_INI_SCAN_DIR|LUA_INIT|R_PROFILE)$/,
  /^(?:EDITOR|VISUAL|PAGER|BROWSER|LESSOPEN|LESSCLOSE|MANPAGER|SSH_ASKPASS|SUDO_ASKPASS|OPENSSL_CONF|OPENSSL_MODULES|OPENSSL_ENGINES|SSL_CERT_FILE|SSL_CERT_DIR|HOSTALIASES|LOCPATH|NLSPATH|TMPDIR)$/,
];

/**
 * Whether a value may be given to a command under this name.
 * @param allowed names that are allowed in spite of what they do
 * @throws E_USAGE for what is no name of a variable, E_DANGEROUS_VARIABLE
 */
export function checkVariable(name: string, allowed: ReadonlySet<string> = new Set()): string {
  if (!/^[A-Za-z_]\w{0,199}$/.test(name))
    throw new CitadelError(
      "E_USAGE",
      `${JSON.stringify(name.slice(0, 60))} is no name of a variable`,
      {
        hint: ["give it another name: --map NAME=<secret>"],
      },
    );
  // systems differ in whether the case matters
  if (allowed.has(name) || !dangerous.some((one) => one.test(name.toUpperCase()))) return name;
  throw new CitadelError("E_DANGEROUS_VARIABLE", `${name} would change what programs load or run`, {
    hint: ["give it another name: --map NAME=<secret>", `or allow it: --allow-dangerous ${name}`],
  });
}

/** `db/password` as `DB_PASSWORD`. */
export function variableOf(secret: string): string {
  const plain = secret.toUpperCase().replaceAll(/[^A-Z0-9_]+/g, "_");
  return /^\d/.test(plain) ? `_${plain}` : plain;
}

/** The environment without what speaks for this user to Citadel or to a registry. */
export function scrubbed(env: Variables): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && !ours.test(name)) kept[name] = value;
  return kept;
}

const ours =
  /^(?:CITADEL_.*|REGISTRY_.*|NPM_TOKEN|NODE_AUTH_TOKEN|YARN_NPM_AUTH_TOKEN|YARN_NPM_AUTH_IDENT|BUN_CONFIG_TOKEN|(?:npm|pnpm)_config_(?:.*[:_])?_?(?:auth|authtoken|password|otp))$/i;
