import { html, type Html } from "../html.ts";
import { hidden, problem } from "./page.ts";

/** Second step of a log-in: the code of the authenticator app. */
export const code = (form: string, user: string, error?: string): Html =>
  html`<h1>One-time password</h1>
    <p class="soft">
      Type the six digits that your authenticator app shows for <strong>${user}</strong>, or a
      recovery code.
    </p>
    ${problem(error)}
    <form method="post">
      ${hidden(form)} ${codeField}
      <div class="buttons">
        <button class="main" name="do" value="code">Continue</button>
        <button name="do" value="refuse" formnovalidate>Refuse</button>
      </div>
    </form>`;

export const codeField = html`<label
  >Code<input
    class="code"
    name="code"
    autocomplete="one-time-code"
    autocapitalize="none"
    spellcheck="false"
    required
    autofocus
/></label>`;
