import { html, type Html } from "../html.ts";
import { wordsOf, type Approval } from "../approvals.ts";

/** What is asked, by whom, and what to compare it with. */
export function asking(id: string, { asking: from, code }: Approval): Html {
  const rows = [
    ["Request", code ? describe(code.action) : "Log in on a command line"],
    ["Account", code?.user],
    ["Command", from.command],
    ["From", from.address],
    ["Machine", from.hostname],
    ["Client", from.client],
  ].filter(([, value]) => value);
  return html`<dl>
      ${rows.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
      <div>
        <dt>Check</dt>
        <dd><code>${wordsOf(id)}</code></dd>
      </div>
    </dl>
    <p class="soft">
      Go on only if you started this yourself, and the address in your terminal has the same
      <code>${wordsOf(id)}</code> in it.
    </p>`;
}

/** A request in words. */
export function describe(action: string): string {
  const [method = "", path = ""] = action.split(" ");
  const [first = "", second, third, fourth] = path.slice(1).split("/").map(decodeURIComponent);
  if (first !== "-") {
    if (method === "DELETE") return `Remove “${first}” from the registry`;
    return second === undefined ? `Publish or change “${first}”` : `Change or unpublish “${first}”`;
  }
  switch (second) {
    case "package":
      return `Change ${fourth ?? "the settings"} of ${third ?? "a package"}`;
    case "stage":
      return method === "DELETE" ? "Reject a staged version" : "Approve a staged version";
    case "org":
    case "team":
      return `Change the ${second === "org" ? "organisation" : "team of"} ${third ?? ""}`;
    case "npm":
      if (fourth === "tokens") return method === "POST" ? "Make an access token" : "Revoke a token";
      if (fourth === "user") return "Change your account";
  }
  return `${method} ${path}`;
}
