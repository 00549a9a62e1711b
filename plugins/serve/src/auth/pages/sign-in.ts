import type { Approval } from "../approvals.ts";
import { html, type Html } from "../html.ts";
import { asking } from "./asking.ts";
import { hidden, problem } from "./page.ts";

export interface SignIn {
  readonly id: string;
  readonly approval: Approval;
  readonly name?: string;
  readonly error?: string | undefined;
  /** address of the page that makes an account, where that is allowed */
  readonly signUp?: string | undefined;
}

/** First page of a log-in: who are you? */
export const signIn = ({ id, approval, name = "", error, signUp }: SignIn): Html =>
  html`<h1>Sign in</h1>
    <p class="soft">A command line asks to log in to this registry as you.</p>
    ${asking(id, approval)} ${problem(error)}
    <form method="post">
      ${hidden(approval.form)}
      <label
        >User name<input
          name="name"
          value="${name}"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          required${name === "" && html` autofocus`}
      /></label>
      <label
        >Password<input
          type="password"
          name="password"
          autocomplete="current-password"
          required${name !== "" && html` autofocus`}
      /></label>
      <div class="buttons">
        <button class="main" name="do" value="sign-in">Continue</button>
        <button name="do" value="refuse" formnovalidate>Refuse</button>
      </div>
    </form>
    ${signUp !== undefined && html`<p class="more">New here? <a href="${signUp}">Make an account</a></p>`}`;
