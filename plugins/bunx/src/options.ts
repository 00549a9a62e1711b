import type { Scratch } from "@citadel/core";
import type { SourceOptions } from "./source.ts";

export interface ExecuteOptions extends SourceOptions {
  /** program of the package, where it has several */
  readonly bin?: string;
  /** runs it with bun, whatever its first line says */
  readonly bun?: boolean;
  /** runs it with Node's permission model */
  readonly sandbox?: boolean;
  /** folders that it may write in the sandbox */
  readonly write?: readonly string[];
  /** `<name>@<version>` of packages whose install scripts may run */
  readonly allowScripts?: readonly string[];
  readonly allowGit?: boolean;
  readonly allowRemote?: boolean;
  /** variables to let through besides the usual ones */
  readonly env?: readonly string[];
  /** patterns of packages of other registries that run without a question */
  readonly allow?: readonly string[];
  /** Asked before a package of another registry runs for the first time; throws to say no. @default says no */
  readonly approve?: (question: string) => Promise<void>;
  /** hears what a person should know, one line each */
  readonly say?: (line: string) => void;
  /** @default all three of this process */
  readonly stdio?: "inherit" | readonly ["inherit", 2, "inherit"];
  readonly cwd?: string;
  /** paths that a process which ends early should remove */
  readonly scratch?: Scratch;
  /** hears what takes its time, before it begins */
  readonly onPhase?: (label: string) => Promise<void>;
  /** called when the program is about to start: from then on signals are for it */
  readonly onStart?: () => void;
}
