import { logger, type Citadel } from "@citadel/core";
import { logEverything } from "@citadel/core/config";

/** What a server does as the live configuration says, from one request to the next. */
export interface Switches {
  /** whether requests are logged */
  readonly logs: () => boolean;
  /** Makes their file where there is none, as far as that is possible here. */
  make(): Promise<void>;
  stop(): void;
}

/**
 * Follows the switches for as long as the server runs. DEBUG shows what `--verbose` shows, LOGGING off keeps requests out of the log.
 * @throws E_CONFIG when the file is not what it must be
 */
export async function followSwitches(citadel: Citadel, verbose: boolean): Promise<Switches> {
  const live = await citadel.live();
  let quiet: (() => void) | undefined;
  const follow = (): void => {
    if (live.isOn("DEBUG")) return void (quiet ??= logEverything());
    quiet?.();
    quiet = undefined;
  };
  follow();
  const unwatch = live.watch(follow);
  return {
    logs: () => live.isOn("LOGGING") && (verbose || live.isOn("DEBUG")),
    make: () =>
      live.make().catch((error: unknown) => {
        logger("serve")("there is no file for the configuration", { error });
      }),
    stop() {
      unwatch();
      quiet?.();
    },
  };
}
