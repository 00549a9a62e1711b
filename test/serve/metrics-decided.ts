/** Name, type, and labels with all of their values where those are known, as they were decided on; the page and the export must agree. */
export const decided: readonly (readonly [
  name: string,
  type: "counter" | "gauge" | "histogram",
  labels?: Readonly<Record<string, readonly string[] | undefined>>,
])[] = [
  ["citadel_build_info", "gauge", { version: undefined, node: undefined, revision: undefined }],
  ["http_request_duration_seconds", "histogram", { method: undefined, route: undefined, code: undefined }], // prettier-ignore
  ["http_requests_in_flight", "gauge"],
  ["citadel_http_response_bytes_total", "counter", { route: undefined }],
  ["citadel_packages", "gauge", { origin: ["local", "cached"] }],
  ["citadel_package_versions", "gauge", { origin: ["local", "cached"] }],
  // metadata: not of stores that do not tell
  ["citadel_storage_bytes", "gauge", { backend: undefined, kind: undefined }],
  ["citadel_publishes_total", "counter", { result: ["ok", "conflict", "denied", "invalid", "error"] }], // prettier-ignore
  ["citadel_tarball_downloads_total", "counter", { source: ["local", "cache", "upstream"] }],
  ["citadel_cache_requests_total", "counter", { tier: undefined, result: undefined }],
  ["citadel_upstream_request_duration_seconds", "histogram", { upstream: undefined }],
  ["citadel_upstream_up", "gauge", { upstream: undefined }],
  ["citadel_auth_failures_total", "counter", { reason: undefined }],
  ["citadel_rate_limited_total", "counter", { scope: ["key", "client"] }],
  ["citadel_blocked_clients", "gauge", { scope: ["client"] }],
  ["citadel_api_keys", "gauge", { state: ["active", "expiring", "expired", "revoked"] }],
  ["citadel_websocket_connections", "gauge"],
  ["citadel_websocket_frames_total", "counter", { direction: ["in", "out"], type: undefined }],
  ["citadel_websocket_dropped_frames_total", "counter", { topic: undefined }],
  ["citadel_websocket_rtt_seconds", "histogram"],
  ["citadel_config_updates_total", "counter", { source: ["cli", "http", "ws", "file"] }],
  ["citadel_config_write_duration_seconds", "histogram"],
  ["citadel_alerts_firing", "gauge", { severity: ["warning", "critical"] }],
  ["citadel_webhook_deliveries_total", "counter", { result: ["ok", "failed"] }],
  ["citadel_webhook_queue", "gauge"],
  ["citadel_jobs_total", "counter", { job: undefined, result: ["ok", "failed"] }],
  ["citadel_last_backup_timestamp_seconds", "gauge"],
  // besides what the table of metrics has: what became of spans is seen nowhere else
  ["citadel_spans_total", "counter", { result: ["sent", "failed", "dropped"] }],
];
