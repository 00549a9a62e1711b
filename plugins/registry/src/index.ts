export type { RegistryInfo } from "./info.ts";
export type { Moved, Problem } from "./moving/source.ts";
export type { MovedFromVerdaccio } from "./moving/verdaccio/move.ts";
