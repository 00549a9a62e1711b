export { createFeeds, type FeedRequest, type Feeds } from "./feeds.ts";
export { legal } from "./legal.ts";
export { feedList } from "./opml.ts";
export type * from "./types.ts";
