import { randomBytes } from "node:crypto";
import { html, type Html } from "../html.ts";
import { style } from "./style.ts";

export interface PageOptions {
  readonly title: string;
  /** name of the registry, such as `registry.example.com` */
  readonly site: string;
  readonly body: Html;
  readonly status?: number;
  /** a text to read instead of a form to fill in */
  readonly wide?: boolean;
}

/** A whole page that loads nothing, runs nothing and is framed by nobody. */
export function page({ title, site, body, status = 200, wide = false }: PageOptions): Response {
  const nonce = randomBytes(16).toString("base64url");
  const { html: text } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} · ${site}</title>
        <style nonce="${nonce}">
          ${{ html: style }}
        </style>
      </head>
      <body>
        <main${wide && html` class="wide"`}>
          <header>
            ${tower}<span><strong>Citadel</strong>${site}</span>
          </header>
          ${body}
        </main>
      </body>
    </html> `;
  return new Response(text, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
      // not no-referrer: browsers would send the form with "origin: null", which no same-origin check may let in
      "referrer-policy": "same-origin",
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    },
  });
}

const tower = html`<svg
  width="28"
  height="28"
  viewBox="0 0 24 24"
  fill="currentColor"
  aria-hidden="true"
>
  <path d="M3 3h4v3h3V3h4v3h3V3h4v8l-2 2v8h-5v-5a2 2 0 0 0-4 0v5H5v-8l-2-2z" />
</svg>`;

/** Something wrong with what was typed, read out by screen readers. */
export const problem = (message: string | undefined): Html | undefined =>
  message === undefined ? undefined : html`<p class="error" role="alert">${message}</p>`;

/** Where a form of this page belongs; never readable by another site. */
export const hidden = (form: string): Html =>
  html`<input type="hidden" name="form" value="${form}" />`;
