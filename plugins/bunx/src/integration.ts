import { execute, resolveVersion } from "./execute.ts";

/** The library behind the `bunx:` commands. `docs/bunx.md` shows it. */
export const BunXIntegration = { execute, resolveVersion } as const;
