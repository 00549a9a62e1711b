export type { Feed, Item } from "./model.ts";
export { readOpml, writeOpml, type Listed } from "./opml.ts";
export { parse, type Source } from "./parse.ts";
export { renderPage, type Entry } from "./page.ts";
export { openReader, type Added, type Reader, type Report, type Subscribed } from "./reader.ts";
