import { randomBytes } from "node:crypto";
import { html } from "../auth/html.ts";
import type { Entry } from "./assets.ts";

export interface DocumentOptions {
  /** how the registry is called, such as `registry.example.com` */
  readonly site: string;
  readonly entry: Entry;
  /** path of the request as it was sent, without its query: addresses in the page are relative to it, whatever a proxy put before */
  readonly path: string;
  /** whether the request came over TLS */
  readonly secure: boolean;
  /** lets scripts set inline styles; for the terminal's document only @default false */
  readonly inlineStyles?: boolean;
}

/** The one HTML page of the dashboard: it loads the script and says something where none runs. */
export function dashboardDocument({
  site,
  entry: { script, scripts, styles },
  path,
  secure,
  inlineStyles = false,
}: DocumentOptions): Response {
  const nonce = randomBytes(16).toString("base64url");
  const assets = `${upFrom(path)}assets/`;
  const { html: text } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>Citadel · ${site}</title>
        <link rel="icon" href="${{ html: icon }}" />
        ${styles.map((name) => html`<link rel="stylesheet" href="${assets}${name}" nonce="${nonce}" />`)}
        ${scripts.map((name) => html`<link rel="modulepreload" href="${assets}${name}" nonce="${nonce}" />`)}
        <script nonce="${nonce}">
          ${{ html: theme }};
        </script>
        <script type="module" src="${assets}${script}" nonce="${nonce}"></script>
      </head>
      <body data-site="${site}">
        <div id="app"></div>
        <noscript>
          <main class="without-script">
            <h1>Citadel</h1>
            <p>
              This is the dashboard of the registry ${site}. It needs JavaScript, which is switched
              off here; nothing is loaded from any other host.
            </p>
            <p>
              The registry itself works without: <code>npm set registry</code>,
              <code>citadel local:list</code>, <code>citadel local:stats</code>.
            </p>
          </main>
        </noscript>
      </body>
    </html> `;
  return new Response(text, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policyOf(nonce, inlineStyles, secure),
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "permissions-policy": noPermissions,
      ...(secure && { "strict-transport-security": "max-age=31536000" }),
    },
  });
}

/** A nonce and not `'self'`: files that somebody published lie on the same origin. */
const policyOf = (nonce: string, inlineStyles: boolean, secure: boolean): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}' 'strict-dynamic'`,
    `style-src-elem 'self' 'nonce-${nonce}'`,
    `style-src-attr ${inlineStyles ? "'unsafe-inline'" : "'none'"}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types citadel",
    ...(secure ? ["upgrade-insecure-requests"] : []),
  ].join("; ");

const noPermissions = [
  ...["accelerometer", "autoplay", "browsing-topics", "camera", "display-capture"],
  ...["encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid", "idle-detection"],
  ...["local-fonts", "magnetometer", "microphone", "midi", "payment", "picture-in-picture"],
  ...["publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"],
]
  .map((name) => `${name}=()`)
  .join(", ");

/** From a page below `/_dashboard` to that folder, as a relative address. */
function upFrom(path: string): string {
  const depth = path.slice(path.indexOf("/_dashboard") + 1).split("/").length - 1;
  return depth === 0 ? "_dashboard/" : "../".repeat(depth - 1) || "./";
}

/** Before the first paint, so that nothing flashes. */
const theme = `try { document.documentElement.dataset.theme = localStorage.getItem("citadel-theme") ?? "" } catch {}`;

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect width='24' height='24' rx='5' fill='%230b6b62'/%3E%3Cpath fill='%23fff' d='M5 5h3.5v2.4h2V5h3v2.4h2V5H19v6l-1.6 1.6V19h-3.7v-3.7a1.7 1.7 0 0 0-3.4 0V19H6.6v-6.4L5 11z'/%3E%3C/svg%3E";
