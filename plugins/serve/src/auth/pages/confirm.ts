import type { Approval } from "../approvals.ts";
import { html, type Html } from "../html.ts";
import { asking } from "./asking.ts";
import { codeField } from "./code.ts";
import { hidden, problem } from "./page.ts";

/** Last step of a log-in: what it grants. */
export const confirm = (id: string, approval: Approval, form: string, user: string): Html =>
  html`<h1>Log in as ${user}?</h1>
    <p>
      The command line below gets a token. With it, it can do everything that you can in this
      registry, until you log out there or revoke it (<code>npm token list</code>).
    </p>
    ${asking(id, approval)}
    <form method="post">
      ${hidden(form)}
      <div class="buttons">
        <button class="main" name="do" value="allow">Allow</button>
        <button name="do" value="refuse">Refuse</button>
      </div>
    </form>`;

/** A write that needs a one-time password, approved here instead of typed into the terminal. */
export const approve = (id: string, approval: Approval, error?: string): Html =>
  html`<h1>Approve this request?</h1>
    <p class="soft">It happens once, and only this.</p>
    ${asking(id, approval)} ${problem(error)}
    <form method="post">
      ${hidden(approval.form)} ${codeField}
      <p class="soft">The six digits of your authenticator app, or a recovery code.</p>
      <div class="buttons">
        <button class="main" name="do" value="approve">Approve</button>
        <button name="do" value="refuse" formnovalidate>Refuse</button>
      </div>
    </form>`;
