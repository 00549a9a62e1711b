import { extname } from "node:path";

export const importFormats = [
  ...["age", "env", "json", "sops-yaml", "sops-json", "sops-env", "kv"],
] as const;
export type ImportFormat = (typeof importFormats)[number];

export const exportFormats = [
  ...["age", "env", "json", "dotenv-json", "sops-yaml", "sops-json", "sops-env", "kv"],
] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Formats in which values lie open. */
export const isOpen = (format: ExportFormat): boolean =>
  format !== "age" && !format.startsWith("sops-");

/** The format that the end of a path says. */
export function formatOfPath(path: string): ExportFormat {
  const end = extname(path).toLowerCase();
  if (end === ".env" || path.endsWith(".env")) return "env";
  return end === ".json" ? "json" : "age";
}
