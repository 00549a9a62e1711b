import { createRequire } from "node:module";
import { join } from "node:path";
import { root } from "../support/citadel.ts";
import { mustRun } from "../support/run.ts";
import { installed } from "./installed.ts";

/** A file as Docker Compose reads it, with all that is merged and interpolated in place. @throws when it would not take it */
export async function composed(file: string): Promise<any> {
  const program = await installed("docker-compose", ["/usr/bin/docker-compose"]);
  if (!program) throw new Error("no docker-compose");
  const { stdout } = await mustRun(program, ["-f", file, "config"]);
  return createRequire(join(root, "src/package.json"))("yaml").parse(stdout);
}
