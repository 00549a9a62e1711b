/** Where what a README refers to is. */
export interface Places {
  /** address that relative links begin with, `https://host/o/r/blob/HEAD/` or `/-/files/x/1.0.0/`; without one they are no links */
  readonly files?: string;
  /** the same of relative images; without it, and for all images of other hosts, their text stands in their place */
  readonly images?: string;
  /** folder of the README below `files` and `images` @default "" */
  readonly folder?: string;
}

export interface Heading {
  /** 3 to 6: the page has the first two */
  readonly level: number;
  readonly text: string;
  /** of the element */
  readonly id: string;
}

/** A README as a part of a page, safe to be put into it; see `docs/documents.md`. */
export interface ReadmeHtml {
  readonly html: string;
  readonly headings: readonly Heading[];
  /** `text`: it was no Markdown that could be read in time */
  readonly from: "markdown" | "text";
  /** more than the first MiB was there */
  readonly cut: boolean;
}

export interface ReadmeText {
  /** lines without anything that steers a terminal */
  readonly text: string;
  readonly cut: boolean;
}
