import { CitadelError } from "@citadel/core/errors";

/** @throws E_USAGE */
export function addressOf(text: string): string {
  const address = addressIn(text);
  if (address !== undefined) return address;
  throw new CitadelError(
    "E_USAGE",
    `${JSON.stringify(text.slice(0, 200))} is no address of a feed`,
    { hint: ["give an address such as https://example.org/feed.xml, without a password"] },
  );
}

/** The address of a feed as people write it; undefined for what is none, or holds a password. */
export function addressIn(text: string): string | undefined {
  const address = text
    .trim()
    .replace(/^feed:(?:\/\/)?(?=https?:)/i, "")
    .replace(/^feed:\/\//i, "http://");
  const url = URL.parse(/^[a-z][a-z\d+.-]*:(?!\d)/i.test(address) ? address : `https://${address}`);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined;
  url.hash = "";
  return url.href;
}
