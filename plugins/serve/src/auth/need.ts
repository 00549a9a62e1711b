/**
 * What a request needs besides a credential. `write`: a code where every write needs one; `later`: the same, once the handler has
 * seen what it is about; `approve`: a code in both modes of the second factor, and no token made for machines; `account`: these, and
 * a credential that may change the account; `credential`: a code in both modes, or a token made for machines that may manage.
 */
export type Need = "none" | "write" | "later" | "approve" | "account" | "credential";

/** The one place that decides it, from method and route (each segment encoded once, a scoped name as one segment). */
export function needOf(method: string, path: string): Need {
  if (method === "GET" || method === "HEAD" || method === "OPTIONS") return "none";
  const found = rules.find(
    ([methods, pattern]) => (methods === "*" || methods === method) && pattern.test(path),
  );
  return found ? found[2] : "write";
}

/** The first that fits counts. */
const rules: readonly (readonly [method: string, path: RegExp, need: Need])[] = [
  // these ask for the password or the code themselves, or change nothing
  ["POST", /^\/-\/v1\/login$/, "none"],
  ["POST", /^\/-\/auth\//, "none"],
  ["POST", /^\/_auth\//, "none"],
  ["*", /^\/_dashboard\/api\/session$/, "none"],
  ["POST", /^\/_dashboard\/api\/ws-ticket$/, "none"],
  ["POST", /^\/api\/v1\/auth\//, "none"],
  ["POST", /^\/-\/npm\/v1\/security\//, "none"],
  ["POST", /^\/-\/npm\/v1\/oidc\//, "none"],
  ["PUT", /^\/-\/user\/org\.couchdb\.user%3A/i, "none"],
  // a log-out must always be possible
  ["DELETE", /^\/-\/user\/token\//, "none"],
  ["POST", /^\/-\/npm\/v1\/(?:tokens|user)$/, "account"],
  // who makes a key may stay for longer than whoever let them in knows
  ["POST", /^\/_api\/security\/keys(?:\/|$)/, "credential"],
  ["DELETE", /^\/-\/user\/org\.couchdb\.user%3A/i, "account"],
  // whoever makes an administrator, or locks one out, could do everything
  ["*", /^\/_api\/people\/users\//, "account"],
  // a version that waits harms nobody; letting it out does
  ["POST", /^\/-\/stage\/package\//, "none"],
  ["*", /^\/-\/stage\//, "approve"],
  // whoever is trusted publishes from then on, as with a token
  ["*", /^\/-\/package\/[^/]+\/trust(?:\/|$)/, "approve"],
  ["*", /^\/-\/package\/[^/]+\/dist-tags\/(?!latest$)[^/]+$/, "none"],
  ["*", /^\/-\/user\/(?:v1\/star|package\/[^/]+\/star)$/, "none"],
  // follows the document that took the version out, and does nothing by itself
  ["DELETE", /^\/[^/]+\/-\/[^/]+\/-rev\/[^/]+$/, "none"],
  ["PUT", /^\/-\/citadel\/v1\/batch$/, "later"],
  ["POST", /^\/api\/v1\/packages$/, "later"],
  // a publish, a deprecation or a star
  ["PUT", /^\/(?!-$)[^/]+$/, "later"],
];
