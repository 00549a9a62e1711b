import { formatSize } from "@citadel/core";
import { allUsers } from "@citadel/core/access";
import type { ConsoleContext } from "./context.ts";

/** How the registry is, a name and a value a line. */
export async function status({
  citadel,
  server,
}: Pick<ConsoleContext, "citadel" | "server">): Promise<readonly (readonly [string, string])[]> {
  const [live, catalog] = await Promise.all([citadel.live(), citadel.current()]);
  const { packages, versions, bytes } = catalog.stats();
  const { features, terminalMode, rows, cols, version, registryHash } = live.getConfig();
  const on = Object.entries(features).flatMap(([name, state]) => (state ? [name] : []));
  let users = 0;
  for await (const _ of allUsers(citadel.accounts)) users++;
  return [
    ["bytes", live.bytes().toString("hex")],
    ["version", `${version}, registry ${registryHash}`],
    ["features", on.join(", ") || "none"],
    ["terminal", `${terminalMode}, ${rows} rows, ${cols} columns`],
    ["packages", `${packages} with ${versions} versions, ${formatSize(bytes)}`],
    ["users", String(users)],
    ...(server ? running(server) : ([["server", "none runs here"]] as const)),
  ];
}

function running({ monitor, figures }: NonNullable<ConsoleContext["server"]>) {
  const window = monitor.collector.window();
  const firing = monitor.alerts.list().filter(({ state }) => state === "firing");
  return [
    ["up since", figures.read().since],
    ...(window
      ? ([
          ["cpu", `${window.cpu.toFixed(1)} %`],
          ["memory", `${window.memoryPercent.toFixed(1)} %`],
          ["requests", `${window.requestsPerSecond.toFixed(1)} a second`],
        ] as const)
      : ([["metrics", "off"]] as const)),
    ["alerts", firing.map(({ rule }) => rule).join(", ") || "none"],
  ] as const;
}
