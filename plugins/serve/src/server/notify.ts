import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { logger } from "@citadel/core";
import { environment } from "@citadel/core/config";

const run = promisify(execFile);

/**
 * Tells systemd, where it waits for it, that the server is ready, and twice in each WatchdogSec that its event loop still turns:
 * sd_notify(3). Node has no datagram sockets of that family, so `systemd-notify` sends.
 */
export async function tellSystemd(): Promise<void> {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID = String(process.pid) } = environment();
  if (!NOTIFY_SOCKET) return;
  const say = async (state: string): Promise<void> => {
    await run("systemd-notify", [state]).catch((error: Error) =>
      logger("serve")("systemd is not told", { state, error }),
    );
  };
  await say("READY=1");
  const half = Number(WATCHDOG_USEC) / 2000;
  if (half > 0 && WATCHDOG_PID === String(process.pid))
    setInterval(() => void say("WATCHDOG=1"), half).unref();
}
