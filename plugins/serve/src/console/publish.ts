import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { CitadelError } from "@citadel/core";
import { codeNeeded } from "@citadel/core/access";
import { openGuard } from "@citadel/core/guard";
import { publishPackages, type PublishedItem } from "@citadel/core/pack";
import { actorOf } from "@citadel/core/registry";
import { wantsCode } from "../auth/package-code.ts";
import type { ConsoleContext } from "./context.ts";

/**
 * Packs the folder of a package and publishes it, with the checks of a publish over HTTP.
 * @param code one-time code, where the account or the package wants one
 * @throws E_FORBIDDEN outside of the folders that are allowed, E_OTP_REQUIRED, and what a publish throws
 */
export async function publishFolder(
  { citadel, who, server, folders, cwd, signal }: Omit<ConsoleContext, "write">,
  folder: string,
  code: string | undefined,
  warn: (line: string) => void,
): Promise<PublishedItem> {
  const path = await findFolder(folder, folders, cwd);
  const published = await publishPackages(
    citadel,
    who,
    {
      ...{ path, workspace: false, skipPublished: false },
      guard: openGuard(citadel, { lenient: false, warn }),
      async send(inputs) {
        const names = inputs.map(({ name }) => name);
        await demandCode({ citadel, who }, names, code);
        const publish = () => citadel.registry.publishBatch(inputs, who);
        const { repeated } = await (server ? server.monitor.meter.publishing(publish) : publish());
        if (repeated) throw new CitadelError("E_VERSION_EXISTS", "this is published already");
      },
      ...(signal && { signal }),
    },
    new Set(),
  );
  const [item] = published.items;
  if (!item) throw new CitadelError("E_FAILED", "nothing was published");
  return item;
}

/** The folder without links in its path, so that none leads outside. @throws E_USAGE, E_FORBIDDEN */
async function findFolder(
  folder: string,
  allowed: readonly string[] | undefined,
  cwd = allowed?.[0] ?? process.cwd(),
): Promise<string> {
  const shown = JSON.stringify(folder);
  const outside = (): CitadelError =>
    new CitadelError("E_FORBIDDEN", `${shown} is not below a folder that this may publish from`, {
      hint: ["whoever runs the server names such folders in console.folders"],
    });
  if (allowed?.length === 0) throw outside();
  const real = (path: string) => realpath(path).catch(() => undefined);
  const path = await real(resolve(cwd, folder));
  if (!allowed) {
    if (path === undefined) throw new CitadelError("E_USAGE", `there is no folder ${shown}`);
    return path;
  }
  const roots = await Promise.all(allowed.map(real));
  // what is not there and what is elsewhere look alike: nobody learns what lies on the disk
  if (path === undefined || !roots.some((root) => root !== undefined && isBelow(path, root)))
    throw outside();
  return path;
}

function isBelow(path: string, root: string): boolean {
  const way = relative(root, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** @throws E_OTP_REQUIRED, E_FORBIDDEN */
async function demandCode(
  { citadel, who }: Pick<ConsoleContext, "citadel" | "who">,
  names: readonly string[],
  code: string | undefined,
): Promise<void> {
  const { principal } = who;
  if (principal.kind !== "user" || principal.automation) return;
  const { secondFactor } = (await citadel.accounts.user(principal.name)) ?? {};
  const wanted = await wantsCode(citadel, names, who);
  if (!wanted && secondFactor?.mode !== "auth-and-writes") return;
  if (code === undefined) throw codeNeeded(["type it at the end: publish <dir> <code>"]);
  await citadel.accounts.checkCode(principal.name, code, actorOf(who));
}
