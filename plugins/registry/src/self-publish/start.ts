import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Settings } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import type { Environment } from "@citadel/core/config";
import { own } from "./packages.ts";
import { outside } from "./program.ts";

/** A registry that answers, and how to end it if it was started for this. */
export interface Running {
  /** with a trailing slash */
  readonly url: string;
  stop(): Promise<void>;
}

const patience = 3000;

/** Whether a registry answers at this address. */
export async function answers(url: string): Promise<boolean> {
  const asked = { signal: AbortSignal.timeout(patience), redirect: "error" } as const;
  return fetch(new URL("-/ping", url), asked).then(
    ({ ok }) => ok,
    () => false,
  );
}

/**
 * Starts `citadel serve` over the configured store. What others made comes from the registries that the settings name, else from
 * where npm gets its packages; the own packages are never asked for there.
 * @param root of the installation
 * @throws E_PREPARE when it does not start
 */
export async function start(
  root: string,
  { server, upstream }: Settings,
  env: Environment,
): Promise<Running> {
  const from = upstream.registries.length > 0 ? undefined : await outside(root, env);
  const child = spawn(
    process.execPath,
    [join(root, "bin/citadel.js"), "serve", "--port", String(server.port), "--json"],
    {
      env: {
        ...env,
        ...(from !== undefined && { CITADEL_UPSTREAM: from, CITADEL_FEATURE_PROXY_MODE: "1" }),
        CITADEL_UPSTREAM_PRIVATE: [...upstream.private, ...own].join(","),
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, url } = JSON.parse(line) as { readonly event?: string; readonly url?: string };
    if (event !== "listening" || url === undefined) continue;
    child.stdout.resume();
    return { url, stop };
  }
  throw new CitadelError("E_PREPARE", "the registry does not start", {
    hint: ["what it said stands above"],
  });
}
