export { createApp, type App, type AppOptions } from "./app.ts";
export { createLink } from "./dashboard/session.ts";
export type { Answer, Asked, Peer } from "./http/exchange.ts";
export { startServer, type RunningServer, type ServerOptions } from "./server/listen.ts";
export { complete, runLine, type ConsoleContext } from "./console/index.ts";
