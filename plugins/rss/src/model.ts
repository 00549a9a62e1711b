/** A feed of any format, as it came, with absolute addresses. Texts are as the author wrote them: not safe. */
export interface Feed {
  readonly format: "rss" | "atom" | "rdf" | "json";
  readonly title: string;
  readonly link?: string;
  readonly description?: string;
  /** ms that the feed asks readers to wait between two requests */
  readonly ttl?: number;
  readonly items: readonly Item[];
}

export interface Item {
  /** what its feed calls it, else its address, else a hash */
  readonly id: string;
  readonly title: string;
  readonly link?: string;
  /** ms since 1970 */
  readonly published?: number;
  readonly authors?: readonly string[];
  /** at most 128 KiB */
  readonly html?: string;
  /** absolute address that links in `html` begin at */
  readonly base: string;
  readonly enclosures?: readonly { readonly url: string; readonly type?: string }[];
}

/** What a page of HTML says of its feeds. */
export interface Alternate {
  readonly url: string;
  readonly title?: string;
}

export type Read =
  | { readonly kind: "feed"; readonly feed: Feed }
  | { readonly kind: "page"; readonly alternates: readonly Alternate[] }
  /** one sentence why it is none */
  | { readonly kind: "none"; readonly why: string };
