import { randomBytes } from "node:crypto";
import { printable } from "./escape.ts";
import { withHeadings } from "./headings.ts";

/**
 * HTML of somebody else, such as an article of a feed, made as harmless as a README: no image is asked for, links are absolute.
 * @param base absolute address that relative links begin at
 */
export async function foreignHtml(html: string, base: string): Promise<string> {
  const [{ default: sanitize }, { sanitizing }] = await Promise.all([
    import("sanitize-html"),
    import("./sanitizing.ts"),
  ]);
  const resolve = (address: string): URL | null =>
    URL.parse(address.replace(/[\p{Cc}\s]+/gu, ""), base);
  const to = {
    link(href: string) {
      const url = resolve(href);
      return url && /^(?:https?|mailto):$/.test(url.protocol) ? url.href : undefined;
    },
    image(src: string) {
      const url = resolve(src);
      return url && /^https?:$/.test(url.protocol) ? { host: url.host } : {};
    },
  };
  const mark = `data-${randomBytes(12).toString("hex")}`;
  const safe = printable(sanitize(html, sanitizing(mark, to)));
  // several articles may stand on one page
  return withHeadings(safe).html.replace(/ id="[^"]*"/g, "");
}
