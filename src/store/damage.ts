import type { Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import type { Problem } from "./types.ts";

/** Something stored is not what it has to be. `problem` and `key` are for `verify`. */
export class Damage extends CitadelError {
  readonly key: Key;
  readonly problem: Problem["problem"];
  constructor(problem: Problem["problem"], key: Key, message: string, cause?: unknown) {
    const inChain = problem === "history" || key.startsWith("h/");
    super(inChain ? "E_HISTORY" : "E_INTEGRITY", message, cause === undefined ? {} : { cause });
    this.key = key;
    this.problem = problem;
  }
}
