/** Only to take an address apart. */
const here = "http://here.invalid/";

/** What browsers leave out of an address before they read it. */
const plain = (address: string): string => address.replace(/[\p{Cc}\s]+/gu, "");

const isRelative = (address: string): boolean =>
  !/^[a-z][a-z\d+.-]*:/i.test(address) && !/^[\\/]{2}/.test(address);

/** What an author calls something cannot be taken for what the page calls something. */
export const prefixed = (id: string): string => `user-content-${id.replace(/^user-content-/, "")}`;

/** Where a link of a README leads; undefined: nowhere. */
export function linkOf(href: string, files: string | undefined, folder = ""): string | undefined {
  const address = plain(href);
  if (address.startsWith("#")) return `#${prefixed(address.slice(1))}`;
  if (isRelative(address)) return below(files, address, folder);
  return /^(?:https?:\/\/|mailto:)/i.test(address) && URL.canParse(address) ? address : undefined;
}

/** Where an image of a README comes from; else the host that it would have come from. */
export function imageOf(
  src: string,
  images: string | undefined,
  folder = "",
): { readonly from?: string; readonly host?: string } {
  const address = plain(src);
  if (!isRelative(address)) {
    const url = URL.parse(address, here);
    return url && /^https?:$/.test(url.protocol) ? { host: url.host } : {};
  }
  const from = address === "" ? undefined : below(images, address, folder);
  return from === undefined ? {} : { from };
}

/** An address below another one; it cannot lead out of that. */
function below(base: string | undefined, address: string, folder: string): string | undefined {
  if (base === undefined) return undefined;
  const url = URL.parse(address, `${here}${folder.replace(/\/?$/, "/").replace(/^\/+/, "")}`);
  if (!url || url.origin !== new URL(here).origin) return undefined;
  return base.replace(/\/?$/, "/") + url.pathname.slice(1) + url.search + url.hash;
}
