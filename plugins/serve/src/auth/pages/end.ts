import { html, type Html } from "../html.ts";

const mark = (kind: "good" | "bad", path: string): Html =>
  html`<svg
    class="mark ${kind}"
    width="40"
    height="40"
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <circle cx="12" cy="12" r="10" />
    <path d="${path}" />
  </svg>`;

/** It was allowed. */
export const allowed = (user: string, login: boolean): Html =>
  html`${mark("good", "m7.5 12.5 3 3 6-6.5")}
    <h1>${login ? html`You are logged in as ${user}` : "Approved"}</h1>
    <p>Go back to your terminal. You can close this page.</p>`;

/** It was refused. */
export const refused = (): Html =>
  html`${mark("bad", "m8.5 8.5 7 7m0-7-7 7")}
    <h1>Refused</h1>
    <p>
      Nothing was granted. If you did not start this yourself, somebody sent you their log-in page;
      nothing more needs to be done.
    </p>`;

/** It cannot go on. */
export const failed = (message: string, hint: string | undefined): Html =>
  html`${mark("bad", "M12 7v6m0 3.5v.01")}
    <h1>This does not work</h1>
    <p role="alert">${message}.</p>
    ${hint !== undefined && html`<p class="soft">What to do: ${hint}.</p>`}`;
