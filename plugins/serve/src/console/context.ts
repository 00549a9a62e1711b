import type { Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import type { Figures } from "../limit/figures.ts";
import type { Monitor } from "../monitor/monitor.ts";

/** Where a line comes from and where its output goes. */
export interface ConsoleContext {
  readonly citadel: Citadel;
  /** who typed it; an administrator */
  readonly who: Caller;
  /** Takes whole lines with their ends, coloured, and nothing else that steers a terminal. */
  write(text: string): void;
  /** what the server knows of itself, where one runs here */
  readonly server?: { readonly monitor: Monitor; readonly figures: Figures };
  /** absolute folders below which `publish` finds packages @default everywhere */
  readonly folders?: readonly string[];
  /** what `publish` starts from @default the first of `folders` */
  readonly cwd?: string;
  readonly colour?: boolean;
  readonly signal?: AbortSignal;
}
