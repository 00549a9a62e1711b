export type { Dirs, Settings } from "./settings.ts";
