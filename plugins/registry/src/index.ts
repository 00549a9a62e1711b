export type { RegistryInfo } from "./info.ts";
