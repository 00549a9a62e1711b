import { CitadelError } from "../errors.ts";
import { actorOf } from "../registry/context.ts";
import type { Store } from "../store/types.ts";
import { compileRules, patternOf } from "./rules.ts";
import { noRules, rulesKind, type RulesState } from "./rules-kind.ts";
import type { Scopes } from "./scopes.ts";
import type { AccessPolicy, AccessRule, Caller } from "./types.ts";

/** The one document. */
const document = "default";
/** ms that a look at it is good for */
const trusted = 1000;

/** Who may do what, as the administrators say. */
export interface Access {
  /**
   * The rules, ready to be asked: at once what this process wrote, what others wrote a second later at most. The document is looked
   * at once a second, so that a request costs nothing.
   */
  policy(): AccessPolicy | Promise<AccessPolicy>;
  read(): Promise<RulesState>;
  /**
   * Makes a rule, or takes the place of the one with its pattern.
   * @throws E_AUTH_REQUIRED, E_FORBIDDEN for all but administrators; E_INVALID_DOCUMENT
   */
  set(rule: AccessRule, caller: Caller): Promise<RulesState>;
  /** @returns false when there is no rule with this pattern */
  remove(pattern: string, caller: Caller): Promise<boolean>;
  /**
   * Whether names like this one belong to this registry, so that they are never looked for elsewhere: their scope has
   * somebody here, or a rule claims them.
   */
  isClaimed(name: string): Promise<boolean>;
}

export interface AccessOptions {
  readonly store: Store;
  readonly scopes: Scopes;
  readonly open: boolean;
}

export function createAccess({ store, scopes, open }: AccessOptions): Access {
  const ledger = store.ledger(rulesKind());
  const empty: AccessPolicy = { open };
  let known: { readonly etag?: string; readonly policy: AccessPolicy } = { policy: empty };
  let looked = -Infinity;
  let looking: Promise<AccessPolicy> | undefined;

  const look = async (): Promise<AccessPolicy> => {
    const began = performance.now();
    const found = await ledger.read(document);
    if (!found) known = { policy: empty };
    else if (known.etag !== found.etag) {
      const { rules } = found.state;
      const policy = rules.length === 0 ? empty : { open, rules: compileRules(rules) };
      known = { etag: found.etag, policy };
    }
    looked = began;
    return known.policy;
  };

  const policy: Access["policy"] = () =>
    performance.now() - looked < trusted
      ? known.policy
      : (looking ??= look().finally(() => (looking = undefined)));

  return {
    policy,

    read: async () => (await ledger.read(document))?.state ?? noRules,

    async set(rule, caller) {
      demandAdmin(caller);
      const checked = checkRule(rule);
      const after = await ledger.change(document, actorOf(caller), (state = noRules) => {
        const before = state.rules.find(({ pattern }) => pattern === checked.pattern);
        return JSON.stringify(before) === JSON.stringify(checked)
          ? []
          : [{ type: "rule", rule: checked }];
      });
      await look();
      return after?.state ?? noRules;
    },

    async remove(text, caller) {
      demandAdmin(caller);
      const pattern = patternOf(text);
      let removed = false;
      await ledger.change(document, actorOf(caller), (state) => {
        removed = state?.rules.some((rule) => rule.pattern === pattern) === true;
        return removed && pattern !== undefined ? [{ type: "remove", pattern }] : [];
      });
      await look();
      return removed;
    },

    async isClaimed(name) {
      const { rules } = await policy();
      return rules?.find(name).claimed === true || (await scopes.holder(name)) !== undefined;
    },
  };
}

const lists = ["read", "write", "stage"] as const;
const groups: ReadonlySet<string> = new Set(["$all", "$authenticated"]);
const named = /^[\w.~!*()-]{1,214}(?::[\w.~-]{1,214})?$/;
/** Rules of a registry. */
const longest = 1000;

/** The rule in the form that is kept. @throws E_INVALID_DOCUMENT */
export function checkRule(rule: AccessRule): AccessRule {
  const pattern = patternOf(rule.pattern);
  if (pattern === undefined)
    throw invalid(
      `${JSON.stringify(rule.pattern)} is not a pattern: a name, a beginning with a star (@acme/*), or * for all`,
    );
  const checked: { -readonly [K in keyof AccessRule]: AccessRule[K] } = { pattern };
  for (const list of lists) {
    const who = rule[list];
    if (who === undefined) continue;
    const wrong = who.find((each) => !groups.has(each) && !named.test(each));
    if (wrong !== undefined || who.length > longest)
      throw invalid(
        `${list}: ${JSON.stringify(wrong ?? who.length)} is nobody: use $all, $authenticated, a user, an organisation or <org>:<team>`,
      );
    if (list !== "read" && who.includes("$all"))
      throw invalid(`${list}: $all may only read; whoever changes something is signed in`);
    checked[list] = [...new Set(who)];
  }
  if (rule.claimed) checked.claimed = true;
  if (Object.keys(checked).length === 1)
    throw invalid(`the rule for ${pattern} says nothing: give it read, write, stage or claimed`);
  return checked;
}

const invalid = (message: string): CitadelError =>
  new CitadelError("E_INVALID_DOCUMENT", message, {
    hint: ["see docs/access.md for what a rule may say"],
  });

function demandAdmin({ principal }: Caller): void {
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "you must be signed in to change who may do what");
  if (!principal.admin || principal.grant?.manage === false)
    throw new CitadelError("E_FORBIDDEN", "only an administrator changes who may do what");
}
