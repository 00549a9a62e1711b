export type { RegistryInfo } from "./info.ts";
export type { MovedFromRegistry } from "./moving/remote/move.ts";
export type { Moved, Problem } from "./moving/source.ts";
export type { MovedFromVerdaccio } from "./moving/verdaccio/move.ts";
