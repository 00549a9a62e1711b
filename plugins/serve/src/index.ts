export { createApp, type App, type AppOptions } from "./app.ts";
export type { Answer, Asked, Peer } from "./http/exchange.ts";
