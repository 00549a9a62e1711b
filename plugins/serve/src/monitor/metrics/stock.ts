import type { Stock, StockItem } from "../stock.ts";
import { by, one, type Metric, type Value } from "./metric.ts";

/** What there is. */
export function stockMetrics(stock: Stock): readonly Metric[] {
  const counted = (
    name: string,
    help: string,
    read: (item: StockItem) => readonly Value[],
  ): Metric => ({
    ...{ name, help, type: "gauge", aggregator: "first" },
    async values() {
      // the rest is worth knowing while the store is away
      const item = await stock.read().catch(() => undefined);
      return item ? read(item) : [];
    },
  });
  return [
    counted("citadel_packages", "Packages with a version.", ({ packages, cached }) =>
      by("origin", [
        ["local", packages],
        ["cached", cached.packages],
      ]),
    ),
    counted(
      "citadel_package_versions",
      "Versions of all packages; cached: those whose tarball is kept.",
      ({ versions, cached }) =>
        by("origin", [
          ["local", versions],
          ["cached", cached.tarballs],
        ]),
    ),
    counted("citadel_storage_bytes", "Bytes that are stored.", ({ storage }) =>
      storage.map(({ bytes, ...labels }) => ({ labels, value: bytes })),
    ),
    counted("citadel_blocked_clients", "Clients that are not answered for a while.", (item) =>
      by("scope", [["client", item.blockedClients]]),
    ),
    counted(
      "citadel_api_keys",
      "API keys; expiring: within 14 days; expired, revoked: until they are collected.",
      ({ apiKeys }) => by("state", Object.entries(apiKeys)),
    ),
    counted(
      "citadel_webhook_queue",
      "Changes and notices that hooks are still to be told.",
      (item) => one(item.webhookQueue),
    ),
  ];
}
