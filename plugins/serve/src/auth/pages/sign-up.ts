import type { Approval } from "../approvals.ts";
import { html, type Html } from "../html.ts";
import { hidden, problem } from "./page.ts";

export interface SignUp {
  readonly approval: Approval;
  /** address of the page to sign in on */
  readonly signIn: string;
  readonly name?: string;
  readonly email?: string;
  readonly error?: string | undefined;
}

/** Makes an account, where that is allowed. */
export const signUp = ({ approval, signIn, name = "", email = "", error }: SignUp): Html =>
  html`<h1>Make an account</h1>
    <p class="soft">The name is what others see beside your packages.</p>
    ${problem(error)}
    <form method="post" action="${signIn}">
      ${hidden(approval.form)}
      <label
        >User name<input
          name="name"
          value="${name}"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          required
          autofocus
      /></label>
      <label
        >Email (optional)<input type="email" name="email" value="${email}" autocomplete="email"
      /></label>
      <label
        >Password<input type="password" name="password" autocomplete="new-password" required
      /></label>
      <div class="buttons">
        <button class="main" name="do" value="sign-up">Make the account</button>
      </div>
    </form>
    <p class="more">You have one? <a href="${signIn}">Sign in</a></p>`;
